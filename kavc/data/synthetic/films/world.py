"""What happens in a film: drawn once, then seen by `picture` and heard by `sound`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kavc.data.synthetic.draws import check_seed
from kavc.data.synthetic.films.themes import THEMES, Theme
from kavc.errors import ConfigError

SECONDS = (1.0, 600.0)
SIDES = (32, 1920)  # pixels
RATES = (10, 60)  # frames a second: at fewer a flash is no longer seen apart from its neighbours
SLOWEST, FASTEST = 60, 160  # beats a minute
CALM, LIVELY = "calm", "lively"
SCALES = {CALM: (0, 3, 5, 7, 10, 12), LIVELY: (0, 2, 4, 7, 9, 12)}  # minor and major, five notes
FIRST_IMPACT, LAST_IMPACT, APART = 0.3, 0.25, 0.7  # from the start, from the end, between two
MEAN_WAIT = 1.2  # seconds on top of these
FILM, SONG = 0, 1


@dataclass(frozen=True)
class FilmSettings:
    """What all films of a corpus have in common.

    Args:
        seconds: of each, 1 to 600.
        width, height: in pixels, even, 32 to 1920.
        rate: frames a second, 10 to 60.
        themes: how many of `THEMES`, from the first on.
        seed: of everything that is drawn.

    Raises:
        ConfigError: one is out of its range.

    Example:
        >>> FilmSettings(seconds=4, rate=10).frames
        40
        >>> FilmSettings(width=33)
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: width must be an even number of pixels from 32 to 1920; got 33
    """

    seconds: float = 6.0
    width: int = 320
    height: int = 240
    rate: int = 25
    themes: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if not SECONDS[0] <= self.seconds <= SECONDS[1]:
            raise ConfigError(
                f"seconds must lie in {SECONDS[0]:g} to {SECONDS[1]:g}; got {self.seconds}"
            )
        for name, value in (("width", self.width), ("height", self.height)):
            if not SIDES[0] <= value <= SIDES[1] or value % 2:
                raise ConfigError(
                    f"{name} must be an even number of pixels from {SIDES[0]} to {SIDES[1]};"
                    f" got {value}"
                )
        if not RATES[0] <= self.rate <= RATES[1]:
            raise ConfigError(
                f"rate must lie in {RATES[0]} to {RATES[1]} frames a second; got {self.rate}"
            )
        if not 1 <= self.themes <= len(THEMES):
            raise ConfigError(
                f"themes must lie in 1 to {len(THEMES)}, as there are no more; got {self.themes}"
            )
        check_seed("seed", self.seed)

    @property
    def frames(self) -> int:
        """How many frames a film has."""
        return round(self.seconds * self.rate)


@dataclass(frozen=True)
class Film:
    """What happens in a film or in a song.

    Attributes:
        number: of the film, from 0.
        theme: one of `THEMES`.
        mood: "calm" or "lively": dark or bright, minor or major, few notes or many.
        seconds: how long it is.
        tempo: beats a minute, by which shapes hop and notes begin.
        phase: time of the first beat, in beats, 0 to 1.
        root: key note, a MIDI number.
        times: (notes,) float64. When notes begin, in seconds, ascending; one on each beat at least.
        steps: (notes,) int64. Their pitches above the key note, in semitones.
        impacts: (impacts,) float64. When a shape hits the ground, with a flash and a thump: times
            of frames, ascending.
        seeds: two lists, of the picture's own draws and of the sound's.
    """

    number: int
    theme: Theme
    mood: str
    seconds: float
    tempo: int
    phase: float
    root: int
    times: np.ndarray
    steps: np.ndarray
    impacts: np.ndarray
    seeds: tuple[list[int], list[int]]

    @property
    def pitch(self) -> float:
        """Frequency of the key note, in hertz."""
        return 440 * 2 ** ((self.root - 69) / 12)

    def beat(self, time: float) -> float:
        """Returns how many beats have passed at a time; a beat is where this is whole."""
        return time * self.tempo / 60 - self.phase

    def step(self, time: float) -> int:
        """Returns the last note's pitch above the key note, in semitones; 0 before the first."""
        last = int(np.searchsorted(self.times, time + 1e-9, side="right")) - 1
        return int(self.steps[last]) if last >= 0 else 0


def film(number: int, settings: FilmSettings) -> Film:
    """Draws a film: a function of the settings and its number.

    >>> film(5, FilmSettings(themes=4)).theme is THEMES[1]
    True
    """
    return _drawn(FILM, number, settings)


def song(number: int, settings: FilmSettings) -> Film:
    """Draws a song, in which nothing hits the ground."""
    return _drawn(SONG, number, settings)


def _drawn(kind: int, number: int, settings: FilmSettings) -> Film:
    rng = np.random.default_rng([settings.seed, kind, number, 0])
    theme = THEMES[number % settings.themes]
    mood = (CALM, LIVELY)[rng.integers(2)]
    tempo, phase = int(rng.integers(SLOWEST, FASTEST + 1)), float(rng.uniform())
    # The upper half of the octave is for the lively ones; some of each meet in the middle.
    root = theme.lowest + int(rng.integers(0, 8)) + (5 if mood == LIVELY else 0)
    # A film is as long as its frames.
    seconds = settings.frames / settings.rate if kind == FILM else settings.seconds
    times = _note_times(mood, tempo, phase, seconds, rng)
    steps = rng.choice(SCALES[mood], size=len(times))
    impacts = _impacts(seconds, settings.rate, rng) if kind == FILM else np.empty(0)
    own = [settings.seed, kind, number]
    return Film(
        number, theme, mood, seconds, tempo, phase, root, times, steps, impacts,
        seeds=([*own, 1], [*own, 2]),
    )  # fmt: skip


def _note_times(
    mood: str, tempo: int, phase: float, seconds: float, rng: np.random.Generator
) -> np.ndarray:
    """Draws when notes begin: on every beat, and between two of them more often if lively."""
    halves = np.arange(2 * int(seconds * tempo / 60 + 1))
    between = rng.uniform(size=len(halves)) < {CALM: 0.15, LIVELY: 0.6}[mood]
    times = (halves / 2 + phase) * 60 / tempo
    return times[((halves % 2 == 0) | between) & (times < seconds - 0.05)]


def _impacts(seconds: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Draws when something hits the ground: at least once, at times of frames."""
    last = seconds - LAST_IMPACT
    times = [rng.uniform(FIRST_IMPACT, min(last, FIRST_IMPACT + 1.5))]
    while (time := times[-1] + APART + rng.exponential(MEAN_WAIT)) < last:
        times.append(time)
    return np.round(np.array(times) * rate) / rate
