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
    """

    rate: float
    count: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.rate < math.inf:
            raise ConfigError(f"a rate is larger than 0 and finite; got {self.rate}")
        _check(1 if self.count is None else self.count)

    def times(self, start: float, duration: float) -> np.ndarray:
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


Moments = Uniform | Rate | At


def _check(count: int) -> None:
    if not 1 <= count <= MOST:
        raise ConfigError(f"1 to {MOST} frames of a file can be asked for; got {count}")
