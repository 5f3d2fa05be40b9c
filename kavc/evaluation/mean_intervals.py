"""Bootstrap of means over examples, many of them on the same draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.evaluation.bootstrap import Bootstrap

AT_ONCE = 100  # draws whose counts are in memory together


def mean_bootstrap(values: ArrayLike, *, draws: int = 2000, seed: int = 0) -> list[Bootstrap]:
    """Draws examples with replacement and takes the mean of each column in each draw.

    A difference of two columns, such as of two systems on the same queries, is paired if it is
    taken example by example and given as a column of its own.

    Args:
        values: `(n, columns)`, finite: row i is what example i contributes.
        draws: how many times to draw; 2,000 hold the ends of a 95 % interval to some 4 % of its
            width.
        seed: of the draws; equal numbers of examples and seeds draw alike.

    Returns:
        One bootstrap a column, whose count is n: it has no interval where n is small or all values
        are equal, as where every query is hit.

    Raises:
        DataError: `values` are of another shape, empty or not finite, or `draws` is below 1.

    Example:
        >>> mean_bootstrap([[0.0], [1.0]] * 8)[0].estimate().interval
        (0.25, 0.75)

    Reference:
        Efron and Tibshirani, 1993.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
        raise DataError(
            f"values {values.shape}: expected finite numbers (n, columns), n at least 1"
        )
    if draws < 1:
        raise DataError(f"draws is {draws}, expected 1 or more")
    random = np.random.default_rng(seed)
    parts = [
        _counts(random, len(values), min(AT_ONCE, draws - done)) @ values / len(values)
        for done in range(0, draws, AT_ONCE)
    ]
    samples = np.concatenate(parts)
    means = values.mean(axis=0)
    return [
        Bootstrap(float(mean), column, len(values))
        for mean, column in zip(means, samples.T, strict=True)
    ]


def _counts(random: np.random.Generator, examples: int, draws: int) -> np.ndarray:
    """How often each example comes in each draw, `(draws, examples) float64`."""
    drawn = random.integers(examples, size=(draws, examples))
    return np.stack([np.bincount(row, minlength=examples) for row in drawn]).astype(np.float64)
