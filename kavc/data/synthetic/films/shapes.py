"""Shapes, as functions that are negative inside, in units of their radius."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import numpy as np

Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _circle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.hypot(x, y) - 1


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(x), np.abs(y)) - 0.8


def _triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(y, 0.866 * np.abs(x) - 0.5 * y) - 0.5


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(np.hypot(x, y) - 0.75) - 0.25


def _cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = np.abs(x), np.abs(y)
    return np.maximum(np.minimum(x, y) - 0.3, np.maximum(x, y) - 1)


def _star(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.minimum(_triangle(x, y), _triangle(x, -y))


def _flower(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.hypot(x, y) - 0.7 - 0.3 * np.cos(5 * np.arctan2(y, x))


def _crescent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.hypot(x, y) - 1, 0.85 - np.hypot(x - 0.5, y))


SHAPES: Mapping[str, Shape] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "ring": _ring,
    "cross": _cross,
    "star": _star,
    "flower": _flower,
    "crescent": _crescent,
}


@functools.cache
def foot(name: str) -> float:
    """Returns how far below its centre a shape that isn't turned ends, in radii.

    >>> foot("circle"), round(foot("square"), 2)
    (1.0, 0.8)
    """
    side = np.linspace(-1, 1, 201)
    inside = SHAPES[name](side[None], side[:, None]) <= 0
    return float(side[inside.any(axis=1)].max())


def paint(
    image: np.ndarray,
    name: str,
    centre: tuple[float, float],
    radius: float,
    colour: np.ndarray,
    *,
    turn: float = 0.0,
    opacity: float = 1.0,
) -> None:
    """Paints a shape over an image, with soft edges; what lies outside of the image is cut off.

    Args:
        image: (height, width, 3) uint8; is changed.
        name: a key of `SHAPES`.
        centre: (x, y) in pixels.
        radius: in pixels.
        colour: (3,) of 0 to 255.
        turn: in radians.
        opacity: 0 to 1.

    Example:
        >>> image = np.zeros((9, 9, 3), np.uint8)
        >>> paint(image, "circle", (4, 4), radius=2, colour=np.array([255, 0, 0]))
        >>> image[4, 4].tolist(), image[0, 0].tolist()
        ([255, 0, 0], [0, 0, 0])
    """
    height, width = image.shape[:2]
    reach = radius + 1
    left, right = (int(np.clip(centre[0] + side, 0, width)) for side in (-reach, reach + 1))
    top, bottom = (int(np.clip(centre[1] + side, 0, height)) for side in (-reach, reach + 1))
    if left >= right or top >= bottom:
        return
    x = ((np.arange(left, right, dtype=np.float32) - centre[0]) / radius)[None]
    y = ((np.arange(top, bottom, dtype=np.float32) - centre[1]) / radius)[:, None]
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    inside = SHAPES[name](cos * x + sin * y, cos * y - sin * x)
    cover = np.clip(0.5 - inside * radius, 0, 1)[..., None] * np.float32(opacity)
    box = image[top:bottom, left:right]
    box[...] = box + cover * (colour.astype(np.float32) - box)
