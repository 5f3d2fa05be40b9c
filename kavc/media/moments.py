"""The times at which frames are wanted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kavc.errors import ConfigError

MOST = 2**20  # frames of one file


@dataclass(frozen=True)
class Uniform:
    """The centres of so many equal parts: t = (i + 0.5) D / count.

    Args:
        count: how many.

    Example:
        >>> Uniform(4).times(start=0.0, duration=8.0).tolist()
        [1.0, 3.0, 5.0, 7.0]
    """

    count: int

    def __post_init__(self) -> None:
        _check(self.count)

    def times(self, start: float, duration: float) -> np.ndarray:
        """Returns the times, ascending: (times,) float64, in seconds from the start of the file.

        Args:
            start: of the track, in seconds from the start of the file.
            duration: of the track, in seconds.

        Raises:
            ConfigError: they are too many.
        """
        return start + (np.arange(self.count) + 0.5) * duration / self.count


@dataclass(frozen=True)
class Rate:
    """So many frames a second, each in the centre of its part: t = (i + 0.5) / rate.

    Args:
        rate: frames a second.
        count: how many, whatever the duration; the last frame is repeated beyond the end. None for
            as many parts as the track has, rounded, at least one.
        seconds: of the track that are looked at, from its start. None for all.

    Example:
        >>> Rate(2).times(start=0.0, duration=1.6).tolist()
        [0.25, 0.75, 1.25]
        >>> Rate(1, count=3).times(start=0.0, duration=1.6).tolist()
        [0.5, 1.5, 2.5]
    """

    rate: float
    count: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.rate < math.inf:
            raise ConfigError(f"a rate is larger than 0 and finite; got {self.rate}")
        if self.seconds is not None and not self.seconds > 0:
            raise ConfigError(f"some seconds must be looked at; got {self.seconds}")
        _check(1 if self.count is None else self.count)

    def times(self, start: float, duration: float) -> np.ndarray:
        duration = duration if self.seconds is None else min(duration, self.seconds)
        parts = self.count or max(1, round(min(duration * self.rate, MOST + 1)))
        _check(parts)
        return start + (np.arange(parts) + 0.5) / self.rate


@dataclass(frozen=True)
class At:
    """Given times.

    Args:
        seconds: from the start of the file, ascending.
    """

    seconds: Sequence[float]

    def __post_init__(self) -> None:
        _check(len(self.seconds))
        times = np.asarray(self.seconds, np.float64)
        if not (np.isfinite(times).all() and (np.diff(times) >= 0).all()):
            raise ConfigError("times of frames must be finite and ascending; sort them")

    def times(self, start: float, duration: float) -> np.ndarray:
        return np.asarray(self.seconds, np.float64)


@dataclass(frozen=True)
class Bursts:
    """Runs of frames that follow each other, each around the centre of one of equal parts.

    Args:
        count: how many runs.
        frames: of a run.
        rate: frames a second within a run.

    Example:
        >>> Bursts(2, frames=3, rate=10).times(start=0.0, duration=8.0).round(2).tolist()
        [1.9, 2.0, 2.1, 5.9, 6.0, 6.1]
    """

    count: int
    frames: int
    rate: float

    def __post_init__(self) -> None:
        _check(self.count * self.frames)
        if not 0 < self.rate < math.inf:
            raise ConfigError(f"a rate is larger than 0 and finite; got {self.rate}")

    def times(self, start: float, duration: float) -> np.ndarray:
        centres = Uniform(self.count).times(start, duration)
        steps = (np.arange(self.frames) - (self.frames - 1) / 2) / self.rate
        # Runs of a short file overlap; times must ascend.
        return np.sort(np.maximum(start, (centres[:, None] + steps).ravel()))


@dataclass(frozen=True)
class Key:
    """Key frames, as `kavc.media.read_key_frames` picks them.

    Args:
        count: how many at most.
    """

    count: int

    def __post_init__(self) -> None:
        _check(self.count)


Moments = Uniform | Rate | At | Bursts


def parse_moments(text: str) -> Moments | Key:
    """Returns the moments that a text says: "uniform:8", "rate:1", "key:8" or "burst:1x11@25".

    Raises:
        ConfigError: it says none.

    Example:
        >>> parse_moments("rate:1.5")
        Rate(rate=1.5, count=None, seconds=None)
    """
    kind, _, said = text.partition(":")
    try:
        if kind in ("uniform", "key"):
            return (Uniform if kind == "uniform" else Key)(int(said))
        if kind == "rate":
            return Rate(float(said))
        if kind == "burst":
            count, _, run = said.partition("x")
            frames, _, rate = run.partition("@")
            return Bursts(int(count), int(frames), float(rate))
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
    raise ConfigError(
        f"frames {text!r}: expected uniform:COUNT, rate:A_SECOND, key:COUNT or"
        " burst:COUNTxFRAMES@A_SECOND"
    )


def _check(count: int) -> None:
    if not 1 <= count <= MOST:
        raise ConfigError(f"1 to {MOST} frames of a file can be asked for; got {count}")
