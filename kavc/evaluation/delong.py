"""DeLong's variance of AUCs: an interval for one system, a paired test for two on the same pairs.

DeLong et al., 1988; computed from midranks in O(n log n), as Sun & Xu, 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata

from kavc.evaluation.estimate import Estimate, normal_quantile
from kavc.metrics.binary import check_binary


def auc_covariance(labels: ArrayLike, scores: Sequence[ArrayLike]) -> tuple[np.ndarray, np.ndarray]:
    """AUCs of several systems on the same examples, and their covariance.

    Args:
        labels: `(n,)`, 0 or 1.
        scores: one `(n,)` a system, the higher, the likelier is 1.

    Returns:
        AUCs `(systems,) float64` and covariance `(systems, systems) float64`. The AUCs are NaN
        where a class is missing, the covariance where a class has fewer than two examples.

    Raises:
        DataError: see `kavc.metrics.check_binary`.
    """
    systems = [check_binary(labels, one) for one in scores]
    labels, stacked = systems[0][0], np.stack([one for _, one in systems])
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        return np.full(len(systems), np.nan), np.full((len(systems),) * 2, np.nan)
    ranks = rankdata(stacked, axis=1)
    # Share of negatives below each positive, and of positives above each negative.
    below = (ranks[:, labels] - rankdata(stacked[:, labels], axis=1)) / negatives
    above = 1 - (ranks[:, ~labels] - rankdata(stacked[:, ~labels], axis=1)) / positives
    return below.mean(axis=1), _covariance(below) / positives + _covariance(above) / negatives


def auc_interval(labels: ArrayLike, scores: ArrayLike, level: float = 0.95) -> Estimate:
    """AUC with DeLong's normal interval.

    The interval is not clipped to [0, 1]. It takes examples as independent: pairs that share a
    video are not quite, see `auc_bootstrap`. Where the classes are separated the variance is 0 and
    so is the interval's width, which says nothing of how sure the AUC is.

    Args:
        labels: `(n,)`, 0 or 1.
        scores: `(n,)`, the higher, the likelier is 1.
        level: confidence, a fraction.

    Returns:
        Estimate. All NaN where a class is missing, the interval NaN where one has one example.

    Raises:
        DataError: see `kavc.metrics.check_binary`; or `level` is no fraction.
    """
    half_width = normal_quantile(level)
    auc, covariance = auc_covariance(labels, [scores])
    half_width *= float(np.sqrt(covariance[0, 0]))
    value = float(auc[0])
    return Estimate(value, value - half_width, value + half_width, level)


@dataclass(frozen=True)
class PairedTest:
    """Two systems' AUCs compared on the same examples.

    Args:
        difference: AUC of the first less AUC of the second.
        interval: of the difference, at `level`.
        z: difference in standard errors.
        p: two-sided probability of such a z if both AUCs were equal.
        level: confidence of the interval.
    """

    difference: float
    interval: tuple[float, float]
    z: float
    p: float
    level: float


def paired_test(
    labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike, level: float = 0.95
) -> PairedTest:
    """DeLong's test of two systems on the same examples.

    Where the difference has no variance (say, both rank alike) z is 0 and p is 1 if there is no
    difference either, else z is infinite and p is 0.

    Args:
        labels: `(n,)`, 0 or 1.
        scores_a, scores_b: `(n,)` each, the higher, the likelier is 1.
        level: confidence of the interval, a fraction.

    Returns:
        PairedTest, with NaN where a class has fewer than two examples.

    Raises:
        DataError: see `kavc.metrics.check_binary`; or `level` is no fraction.
    """
    quantile = normal_quantile(level)
    auc, covariance = auc_covariance(labels, [scores_a, scores_b])
    difference = float(auc[0] - auc[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    error = float(np.sqrt(np.maximum(variance, 0.0)))  # rounding can leave it below 0
    if abs(difference) < 1e-15:
        z = 0.0 if error == error else float("nan")
    else:
        z = float(np.divide(difference, error)) if error else float(np.copysign(np.inf, difference))
    interval = (difference - quantile * error, difference + quantile * error)
    return PairedTest(difference, interval, z, float(2 * norm.sf(abs(z))), level)


def _covariance(components: np.ndarray) -> np.ndarray:
    """Sample covariance (n - 1) of the rows; NaN where there is but one column."""
    if components.shape[1] < 2:
        return np.full((len(components),) * 2, np.nan)
    return np.atleast_2d(np.cov(components))
