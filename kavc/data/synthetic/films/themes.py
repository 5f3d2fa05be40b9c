"""The themes: what is seen and heard in the films of each."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """A timbre.

    Args:
        partials: (ratio to the pitch, amplitude) of each.
        decay: seconds in which the lowest partial falls to 1/e; infinite for a held tone.
        damping: how much faster the others decay: partial k by 1 + damping · k times.
        attack: seconds in which a tone begins.
        noise: amplitude of a band of noise around the pitch.
        vibrato: share by which the pitch goes up and down, five times a second.
    """

    partials: tuple[tuple[float, float], ...]
    decay: float = math.inf
    damping: float = 0.0
    attack: float = 0.02
    noise: float = 0.0
    vibrato: float = 0.0


@dataclass(frozen=True)
class Theme:
    """What films of one theme have in common.

    Args:
        name: of the shape that moves in them, a key of `kavc.data.synthetic.films.shapes.SHAPES`.
        hue: of the background, 0 to 1. The shapes have the opposite one.
        texture: of the background, a key of `kavc.data.synthetic.films.textures.TEXTURES`.
        instrument: that is heard.
        lowest: key note of the lowest film, as a MIDI number; the highest is an octave above.
    """

    name: str
    hue: float
    texture: str
    instrument: Instrument
    lowest: int


def _harmonics(count: int, power: float, step: int = 1) -> tuple[tuple[float, float], ...]:
    return tuple((n, n**-power) for n in range(1, count * step + 1, step))


BELLS = Instrument(
    ((0.56, 0.5), (0.92, 0.7), (1.19, 1.0), (2.0, 0.6), (2.74, 0.5), (3.76, 0.3), (5.4, 0.2)),
    decay=0.9, damping=0.3, attack=0.002,
)  # fmt: skip
PLUCKED = Instrument(_harmonics(10, 0.8), decay=0.35, damping=0.5, attack=0.002)
WIND = Instrument((), attack=0.08, noise=1.0)
REED = Instrument(_harmonics(7, 0.7, step=2), attack=0.03)
PULSES = Instrument(_harmonics(24, 0.2), attack=0.005)  # nearly a train of clicks
FLUTE = Instrument(((1, 1.0), (2, 0.12)), attack=0.05, noise=0.15, vibrato=0.01)
ORGAN = Instrument(((0.5, 0.6), (1, 1.0), (2, 0.8), (3, 0.4), (4, 0.6), (8, 0.4)), attack=0.03)
WOOD = Instrument(((1, 1.0), (3.9, 0.5), (9.2, 0.25)), decay=0.07, damping=0.5, attack=0.001)

THEMES = (
    Theme("circle", 0.00, "stripes", BELLS, 72),
    Theme("square", 0.60, "checker", PLUCKED, 45),
    Theme("triangle", 0.33, "waves", WIND, 76),
    Theme("ring", 0.14, "dots", REED, 57),
    Theme("cross", 0.78, "bricks", PULSES, 33),
    Theme("star", 0.48, "clouds", FLUTE, 74),
    Theme("flower", 0.90, "rings", ORGAN, 50),
    Theme("crescent", 0.69, "fade", WOOD, 67),
)
