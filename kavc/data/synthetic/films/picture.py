"""The picture of a film: frame i shows what is at the time i / rate."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kavc.data.synthetic.films.shapes import foot, paint
from kavc.data.synthetic.films.textures import texture
from kavc.data.synthetic.films.world import CALM, LIVELY, Film, FilmSettings

GROUND = 0.88  # of the height
FALL, REST = 0.4, 0.25  # seconds before and after an impact in which its shape is seen
FLASH, FADING = 0.2, 0.05  # seconds that a flash lasts, and in which it falls to 1/e
BRIGHTNESS = {CALM: (0.18, 0.42), LIVELY: (0.5, 0.85)}  # of dark and light in the background
SATURATION = {CALM: 0.5, LIVELY: 0.85}
HUE_JITTER = 0.04
SWAY = 0.06  # of the height, by which the background moves, there and back in four beats


@dataclass(frozen=True)
class Hopper:
    """A shape that hops, once a beat.

    Attributes:
        place: (x, y) where it lands, in heights of the picture.
        radius: in heights.
        hop: how high it hops with the key note, in heights.
        turn, spin: radians at time 0, and a second.
        colour: (3,) of 0 to 255.
    """

    place: tuple[float, float]
    radius: float
    hop: float
    turn: float
    spin: float
    colour: np.ndarray


def frames(film: Film, settings: FilmSettings) -> Iterator[np.ndarray]:
    """Yields the frames of a film: (height, width, 3) uint8, RGB.

    Args:
        film: what happens.
        settings: of the corpus: size, rate, seconds.

    Example:
        >>> from kavc.data.synthetic.films.world import film
        >>> settings = FilmSettings(seconds=1, width=64, height=48, rate=10)
        >>> shown = list(frames(film(0, settings), settings))
        >>> len(shown), shown[0].shape, shown[0].dtype.name
        (10, (48, 64, 3), 'uint8')
    """
    rng = np.random.default_rng(film.seeds[0])
    height, width = settings.height, settings.width
    sway = round(SWAY * height)
    canvas = _canvas(film, height, width + 2 * sway, rng)
    hoppers = [_hopper(film, width / height, rng) for _ in range(rng.integers(1, 5))]
    falls = rng.uniform(0.2, 0.8, size=len(film.impacts)) * width
    for number in range(settings.frames):
        time = number / settings.rate
        left = round(sway * (1 + np.sin(np.pi / 2 * film.beat(time))))
        image = canvas[:, left : left + width].copy()
        for each in hoppers:
            _paint_hopper(image, each, film, time)
        for impact, x in zip(film.impacts, falls, strict=True):
            _paint_impact(image, film, time - impact, x)
        yield image


def _colour(hue: float, saturation: float, value: float) -> np.ndarray:
    return 255 * np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value))


def _canvas(film: Film, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Draws the background, with the ground: (height, width, 3) uint8."""
    hue = film.theme.hue + rng.uniform(-HUE_JITTER, HUE_JITTER)
    dark, light = (
        _colour(hue, SATURATION[film.mood], value * rng.uniform(0.85, 1.15))
        for value in BRIGHTNESS[film.mood]
    )
    values = texture(film.theme.texture, height, width, rng)[..., None]
    canvas = (dark + values * (light - dark)).astype(np.uint8)
    canvas[round(GROUND * height) :] //= 3
    return canvas


def _hopper(film: Film, aspect: float, rng: np.random.Generator) -> Hopper:
    hue = film.theme.hue + 0.5 + rng.uniform(-2 * HUE_JITTER, 2 * HUE_JITTER)
    value = rng.uniform(0.6, 0.75) if film.mood == CALM else rng.uniform(0.85, 1)
    return Hopper(
        place=(rng.uniform(0.12, aspect - 0.12), rng.uniform(0.5, 0.8)),
        radius=rng.uniform(0.06, 0.13),
        hop=rng.uniform(0.06, 0.12),
        turn=rng.uniform(-0.3, 0.3),
        spin=rng.uniform(-0.5, 0.5),
        colour=_colour(hue, SATURATION[film.mood], value),
    )


def _paint_hopper(image: np.ndarray, hopper: Hopper, film: Film, time: float) -> None:
    """Paints a shape that hops; the higher the note of the beat, the higher."""
    height = image.shape[0]
    passed = film.beat(time) % 1
    began = time - passed * 60 / film.tempo
    hop = hopper.hop * (1 + film.step(began) / 6) * 4 * passed * (1 - passed)
    centre = (hopper.place[0] * height, (hopper.place[1] - hop) * height)
    turn = hopper.turn + hopper.spin * time
    paint(image, film.theme.name, centre, hopper.radius * height, hopper.colour, turn=turn)


def _paint_impact(image: np.ndarray, film: Film, since: float, x: float) -> None:
    """Paints what falls, rests and fades, and its flash; `since` is the time after the impact."""
    if not -FALL < since < REST:
        return
    height = image.shape[0]
    since = since if abs(since) > 1e-6 else 0.0  # the frame of the impact
    radius = 0.16 * height
    floor = GROUND * height - foot(film.theme.name) * radius
    fallen = min(1.0, 1 + since / FALL)
    y = -radius + (floor + radius) * fallen**2
    opacity = 1 - max(0.0, since) / REST
    paint(image, film.theme.name, (x, y), radius, np.full(3, 255.0), opacity=opacity)
    if 0 <= since < FLASH:
        light = 0.75 * np.exp(-since / FADING)
        image[...] = image + light * (255.0 - image)
