"""The sound of a film: sample n is what is heard at the time n / RATE."""

from __future__ import annotations

import numpy as np

from kavc.data.synthetic.films.themes import Instrument
from kavc.data.synthetic.films.world import LIVELY, Film

RATE = 44100  # samples a second
HIGHEST = 18000.0  # hertz, of partials
LONGEST, RELEASE = 1.5, 0.03  # seconds of a note; in which it ends
MUSIC, THUMP = 0.3, 0.65  # peaks of the music, and of an impact
DULL = 0.5  # amplitude of the second partial of calm music, by that of lively one


def samples(film: Film) -> np.ndarray:
    """Returns the sound of a film or a song.

    Args:
        film: what happens.

    Returns:
        (2, seconds · RATE) float32, left and right, within -1 to 1.

    Example:
        >>> from kavc.data.synthetic.films.world import FilmSettings, film
        >>> heard = samples(film(0, FilmSettings(seconds=1)))
        >>> heard.shape, bool(np.abs(heard).max() <= 1)
        ((2, 44100), True)
    """
    rng = np.random.default_rng(film.seeds[1])
    sound = np.zeros((2, round(film.seconds * RATE)), np.float32)
    sides = rng.uniform(0.5, 1, size=2)
    ends = np.append(film.times, film.seconds)[1:]  # a second may pass without a note
    for time, end, step in zip(film.times, ends, film.steps, strict=True):
        length = min(end - time, LONGEST) if film.theme.instrument.decay == np.inf else LONGEST
        pitch = film.pitch * 2 ** (step / 12)
        on_beat = abs(film.beat(time) - round(film.beat(time))) < 0.01
        note = _note(film.theme.instrument, pitch, length, film.mood == LIVELY, rng)
        _add(sound, time, note * (1.0 if on_beat else 0.6) * sides[:, None])
    peak = float(np.abs(sound).max(initial=0))
    sound *= MUSIC / max(peak, 1e-6)
    for time in film.impacts:
        _add(sound, time, _thump(rng)[None])
    return np.clip(sound, -1, 1, out=sound)


def _add(sound: np.ndarray, time: float, note: np.ndarray) -> None:
    start = round(time * RATE)
    room = sound[:, start : start + note.shape[-1]]
    room += note[:, : room.shape[1]].astype(np.float32)


def _note(
    instrument: Instrument, pitch: float, length: float, bright: bool, rng: np.random.Generator
) -> np.ndarray:
    """Returns one note: (samples,) float64, of peak about 1."""
    time = np.arange(round(length * RATE)) / RATE
    angle = 2 * np.pi * pitch * time
    if instrument.vibrato:
        angle += instrument.vibrato * pitch / 5 * (1 - np.cos(2 * np.pi * 5 * time))
    note = np.zeros(len(time))
    total = instrument.noise
    for number, (ratio, gain) in enumerate(instrument.partials):
        if ratio * pitch > HIGHEST:
            continue
        gain *= 1 if bright else DULL ** min(number, 2)
        decay = instrument.decay / (1 + instrument.damping * number)
        note += gain * np.exp(-time / decay) * np.sin(ratio * angle)
        total += gain
    if instrument.noise:
        note += instrument.noise * _band(pitch, 0.6 if bright else 0.2, time, rng)
    edges = np.minimum(time / instrument.attack, (time[-1] - time) / RELEASE)
    return note / total * np.clip(edges, 0, 1)


def _band(pitch: float, width: float, time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns noise around a pitch, as wide as a share of it: what is slow, times a tone."""
    slow = rng.normal(size=int(time[-1] * pitch * width) + 2)
    return np.interp(time * pitch * width, np.arange(len(slow)), slow) * np.sin(
        2 * np.pi * pitch * time
    )


def _thump(rng: np.random.Generator) -> np.ndarray:
    """Returns what an impact sounds like: a click, and a tone that falls from 180 to 50 Hz."""
    time = np.arange(round(0.3 * RATE)) / RATE
    angle = 2 * np.pi * (50 * time + 130 * 0.04 * (1 - np.exp(-time / 0.04)))
    click = rng.uniform(-1, 1, size=len(time)) * np.exp(-time / 0.004)
    return THUMP * (0.6 * click + 0.7 * np.cos(angle) * np.exp(-time / 0.07)) / 1.3
