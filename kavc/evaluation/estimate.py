"""A number with its confidence interval, and when there is none.

An interval is stated where it says how sure the number is: from `FEWEST` observations on, and where
they vary. Else its ends are NaN, which tables show as a dash and texts and legends leave out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from kavc.errors import DataError

# Examples of the smaller class, or queries of a mean, from which on there is an interval: the usual
# rule of ten, below which neither a normal approximation nor the draws of a bootstrap say much.
FEWEST = 10

ROUNDING = 1e-12  # relative: means and AUCs of equal numbers agree to some 1e-15


@dataclass(frozen=True)
class Estimate:
    """A number with its confidence interval.

    Args:
        value: the point estimate.
        low, high: the interval's ends; NaN where the data don't give one.
        level: confidence of the interval, in (0, 1).
        reason: why the number or its interval is NaN, in words, where that is told.

    Example:
        >>> Estimate(0.7, 0.6, 0.8).interval
        (0.6, 0.8)
    """

    value: float
    low: float
    high: float
    level: float = 0.95
    reason: str = ""

    @property
    def interval(self) -> tuple[float, float]:
        """`(low, high)`."""
        return self.low, self.high


def all_equal(numbers: np.ndarray) -> bool:
    """Whether `numbers` differ by rounding at most; none are equal, too.

    >>> all_equal(np.array([0.1 + 0.2, 0.3])), all_equal(np.array([0.1, 0.3]))
    (True, False)
    """
    return not numbers.size or bool(np.ptp(numbers) <= ROUNDING * np.abs(numbers).max())


def check_level(level: float) -> float:
    """Returns a confidence level as float.

    Raises:
        DataError: it lies outside (0, 1), as the percent number 95 does.

    Example:
        >>> check_level(0.95)
        0.95
        >>> check_level(95)
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: confidence level is 95, expected a fraction such as 0.95
    """
    if not 0 < level < 1:
        raise DataError(f"confidence level is {level}, expected a fraction such as 0.95")
    return float(level)


def normal_quantile(level: float) -> float:
    """Half-width of a two-sided normal interval, in standard errors: 1.959964 for 0.95.

    >>> round(normal_quantile(0.95), 6)
    1.959964
    """
    return float(norm.ppf((1 + check_level(level)) / 2))
