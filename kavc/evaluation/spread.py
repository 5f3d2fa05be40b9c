"""How a number spreads over seeds: mean, standard deviation, and Student's interval of the mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from kavc.evaluation.estimate import check_level


@dataclass(frozen=True)
class Spread:
    """What several runs of one thing gave.

    Args:
        count: runs that gave a number.
        mean: NaN if there was none.
        std: standard deviation (n - 1); NaN below two runs.
        standard_error: of the mean, `std / sqrt(count)`.
        low, high: interval of the mean at `level`, by Student's t with `count - 1` degrees.
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


def spread(values: ArrayLike, level: float = 0.95) -> Spread:
    """Mean, standard deviation, standard error and interval over runs; NaN is a run without number.

    Args:
        values: `(runs,)`, say the headline of each seed, or its difference to another system's.
        level: confidence of the interval, a fraction.

    Raises:
        DataError: `level` is no fraction.

    Example:
        >>> spread([1.0, 2.0, 3.0]).mean
        2.0
    """
    check_level(level)
    numbers = np.asarray(values, np.float64).ravel()
    numbers = numbers[~np.isnan(numbers)]
    count = numbers.size
    mean = float(numbers.mean()) if count else float("nan")
    std = float(numbers.std(ddof=1)) if count > 1 else float("nan")
    error = std / count**0.5 if count else float("nan")
    half_width = float(student.ppf((1 + level) / 2, count - 1)) * error if count > 1 else error
    return Spread(count, mean, std, error, mean - half_width, mean + half_width, level)
