"""How a number spreads over seeds: mean, standard deviation, and Student's interval of the mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from kavc.evaluation.estimate import all_equal, check_level


@dataclass(frozen=True)
class Spread:
    """What several runs of one thing gave.

    Args:
        count: runs that gave a number.
        mean: NaN if there was none.
        std: standard deviation (n - 1); NaN below two runs.
        standard_error: of the mean, `std / sqrt(count)`.
        low, high: interval of the mean at `level`, by Student's t with `count - 1` degrees; NaN
            below two runs and where all give the same, which says nothing of how sure the mean is.
        level: confidence of the interval.
    """

    count: int
    mean: float
    std: float
    standard_error: float
    low: float
    high: float
    level: float

    @property
    def interval(self) -> tuple[float, float]:
        """`(low, high)`."""
        return self.low, self.high


def spread(
    values: ArrayLike, level: float = 0.95, *, limits: tuple[float, float] = (-np.inf, np.inf)
) -> Spread:
    """Mean, standard deviation, standard error and interval over runs; NaN is a run without number.

    Args:
        values: `(runs,)`, say the headline of each seed, or its difference to another system's.
        level: confidence of the interval, a fraction.
        limits: what the number can be at least and at most, such as 0 and 100 for per cent; the
            interval ends there, since nothing beyond can be the mean.

    Raises:
        DataError: `level` is no fraction.

    Example:
        >>> spread([1.0, 2.0, 3.0]).mean
        2.0

    Reference:
        Student, 1908 (the interval of a mean).
    """
    check_level(level)
    numbers = np.asarray(values, np.float64).ravel()
    numbers = numbers[~np.isnan(numbers)]
    count, nan = numbers.size, float("nan")
    mean = float(numbers.mean()) if count else nan
    if count < 2:
        return Spread(count, mean, nan, nan, nan, nan, level)
    if all_equal(numbers):
        return Spread(count, mean, 0.0, 0.0, nan, nan, level)
    std = float(numbers.std(ddof=1))
    error = std / count**0.5
    half_width = float(student.ppf((1 + level) / 2, count - 1)) * error
    low, high = max(mean - half_width, limits[0]), min(mean + half_width, limits[1])
    return Spread(count, mean, std, error, low, high, level)
