"""Textures of backgrounds: functions of a plane to values from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Texture = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
TURN = np.float32(2 * np.pi)


def _wave(x: np.ndarray) -> np.ndarray:
    return np.sin(TURN * x)


def _stripes(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (_wave(u) > 0).astype(np.float32)


def _checker(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (_wave(u / 2) * _wave(v / 2) > 0).astype(np.float32)


def _waves(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 0.5 + 0.5 * _wave(u + 0.4 * _wave(v / 2))


def _dots(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (np.hypot(u % 1 - 0.5, v % 1 - 0.5) < 0.3).astype(np.float32)


def _bricks(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    row = np.floor(v)
    return ((v % 1 > 0.15) & ((u / 2 + 0.5 * (row % 2)) % 1 > 0.08)).astype(np.float32)


def _clouds(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    total = np.zeros(np.broadcast(u, v).shape, np.float32)
    for octave in range(12):
        across, down, phase = rng.normal(size=3) * (1, 1, 10)
        pitch = 0.2 * 1.3**octave
        total += (_wave(pitch * (across * u + down * v) + phase) / 1.2**octave).astype(np.float32)
    return np.clip(0.5 + total / 6, 0, 1)


def _rings(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (_wave(np.hypot(u, v)) > 0).astype(np.float32)


def _fade(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 0.5 + 0.5 * _wave(v / 12)


TEXTURES: Mapping[str, Texture] = {
    "stripes": _stripes,
    "checker": _checker,
    "waves": _waves,
    "dots": _dots,
    "bricks": _bricks,
    "clouds": _clouds,
    "rings": _rings,
    "fade": _fade,
}


def texture(name: str, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Draws a texture, at a scale, a place and an angle of its own.

    Args:
        name: a key of `TEXTURES`.
        height, width: in pixels.
        rng: decides all that varies.

    Returns:
        (height, width) float32, 0 to 1.

    Example:
        >>> texture("stripes", 24, 32, np.random.default_rng(0)).shape
        (24, 32)
    """
    cells, angle = rng.uniform(6, 10), rng.uniform(-0.4, 0.4)  # cells in the height
    shift = rng.uniform(-3, 3, size=2)
    x = np.arange(width, dtype=np.float32)[None] * np.float32(cells / height)
    y = np.arange(height, dtype=np.float32)[:, None] * np.float32(cells / height)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = cos * x + sin * y + np.float32(shift[0]), cos * y - sin * x + np.float32(shift[1])
    return TEXTURES[name](u, v, rng).astype(np.float32)
