"""A number with its confidence interval."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import norm

from kavc.errors import DataError


@dataclass(frozen=True)
class Estimate:
    """A number with its confidence interval.

    Args:
        value: the point estimate.
        low, high: the interval's ends; NaN where the data don't give one.
        level: confidence of the interval, in (0, 1).
    """

    value: float
    low: float
    high: float
    level: float = 0.95

    @property
    def interval(self) -> tuple[float, float]:
        """`(low, high)`."""
        return self.low, self.high


def check_level(level: float) -> float:
    """Returns a confidence level as float.

    Raises:
        DataError: it lies outside (0, 1), as the percent number 95 does.
    """
    if not 0 < level < 1:
        raise DataError(f"confidence level is {level}, expected a fraction such as 0.95")
    return float(level)


def normal_quantile(level: float) -> float:
    """Half-width of a two-sided normal interval, in standard errors: 1.959964 for 0.95."""
    return float(norm.ppf((1 + check_level(level)) / 2))
