"""DeLong's variance of AUCs: an interval for one system, a paired test for two on the same pairs.

DeLong et al., 1988; computed from midranks in O(n log n), as Sun & Xu, 2014. The interval of one
AUC is taken on the logit scale (Pepe, 2003), and so lies inside (0, 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from kavc.evaluation.estimate import FEWEST, Estimate, normal_quantile
from kavc.metrics.auc import roc_auc_per_group
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

    Reference:
        DeLong et al., 1988; Sun and Xu, 2014 (from midranks).

    Example:
        >>> aucs, covariance = auc_covariance([0, 0, 1, 1], [[1, 2, 3, 4], [1, 3, 2, 4]])
        >>> aucs.tolist(), covariance.tolist()
        ([1.0, 0.75], [[0.0, 0.0], [0.0, 0.125]])
    """
    wins, losses = _comparisons(labels, scores)
    positives, negatives = wins.shape[1], losses.shape[1]
    if not positives or not negatives:
        return np.full(len(wins), np.nan), np.full((len(wins),) * 2, np.nan)
    covariance = _covariance(wins) / (negatives**2 * positives)
    covariance += _covariance(losses) / (positives**2 * negatives)
    return wins.mean(axis=1) / negatives, covariance


def auc_interval(labels: ArrayLike, scores: ArrayLike, level: float = 0.95) -> Estimate:
    """AUC with DeLong's interval on the logit scale: it lies inside (0, 1), as the AUC does.

    There is none, NaN, where the smaller class has fewer than `kavc.evaluation.estimate.FEWEST`
    examples, and where DeLong's variance is 0, as it is for an AUC of 0 or 1: that says nothing of
    how sure the AUC is. Examples count as independent: pairs that share a video are not quite, see
    `auc_bootstrap`.

    Args:
        labels: `(n,)`, 0 or 1.
        scores: `(n,)`, the higher, the likelier is 1.
        level: confidence, a fraction.

    Returns:
        Estimate, a fraction. All NaN where a class is missing.

    Raises:
        DataError: see `kavc.metrics.check_binary`; or `level` is no fraction.

    Reference:
        DeLong et al., 1988 (the variance); Pepe, 2003 (the logit scale).

    Example:
        >>> labels = [0] * 10 + [1] * 10
        >>> found = auc_interval(labels, [*range(10), *range(5, 15)])
        >>> found.value, round(found.low, 3), round(found.high, 3)
        (0.875, 0.644, 0.964)
        >>> auc_interval([0, 0, 1, 1], [1, 3, 2, 4])  # too few for an interval
        Estimate(value=0.75, low=nan, high=nan, level=0.95, reason='')
    """
    quantile = normal_quantile(level)
    aucs, covariance = auc_covariance(labels, [scores])
    auc, variance = float(aucs[0]), float(covariance[0, 0])
    if not _tells(labels, variance) or not 0 < auc < 1:
        return Estimate(auc, math.nan, math.nan, level)
    # The logit's derivative is 1 / (auc (1 - auc)).
    half_width = quantile * math.sqrt(variance) / (auc * (1 - auc))
    low, high = expit(logit(auc) + np.array([-half_width, half_width]))
    return Estimate(auc, float(low), float(high), level)


def auc_intervals_per_group(
    labels: ArrayLike, scores: ArrayLike, groups: ArrayLike, num_groups: int, level: float = 0.95
) -> list[Estimate]:
    """`auc_interval` within each group, as of each theme in Figure 2 of the Ti-AVC paper.

    Args:
        labels, scores, groups, num_groups: see `kavc.metrics.roc_auc_per_group`.
        level: confidence, a fraction.

    Returns:
        One Estimate a group. All NaN where the group's smaller class has fewer than
        `kavc.evaluation.estimate.FEWEST` examples: the AUC of a handful of pairs is luck.

    Raises:
        DataError: see `kavc.metrics.roc_auc_per_group`; or `level` is no fraction.

    Example:
        >>> labels, groups = [0] * 10 + [1] * 10 + [0, 1], [0] * 20 + [1] * 2
        >>> found = auc_intervals_per_group(labels, [*range(10), *range(5, 15), 0, 1], groups, 2)
        >>> [round(each.value, 3) for each in found]
        [0.875, nan]
    """
    _, positives, negatives = roc_auc_per_group(labels, scores, groups, num_groups)
    labels, scores, groups = np.asarray(labels), np.asarray(scores), np.asarray(groups)
    nothing = Estimate(math.nan, math.nan, math.nan, level)
    return [
        auc_interval(labels[groups == group], scores[groups == group], level)
        if fewest >= FEWEST
        else nothing
        for group, fewest in enumerate(np.minimum(positives, negatives))
    ]


@dataclass(frozen=True)
class PairedTest:
    """Two systems' AUCs compared on the same examples.

    Args:
        difference: AUC of the first less AUC of the second.
        interval: of the difference, at `level`; `(NaN, NaN)` where there is no test.
        z: difference in standard errors; NaN where there is no test.
        p: two-sided probability of such a z if both AUCs were equal; NaN where there is no test.
        level: confidence of the interval.

    Reference:
        DeLong et al., 1988.
    """

    difference: float
    interval: tuple[float, float]
    z: float
    p: float
    level: float


def paired_test(
    labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike, level: float = 0.95
) -> PairedTest:
    """DeLong's test of two systems on the same examples, on the scale of the AUCs themselves.

    There is no test, and z, p and interval are NaN, where the smaller class has fewer than
    `kavc.evaluation.estimate.FEWEST` examples, and where the difference has no variance: where
    both rank alike, or both separate the classes. No p is made of a standard error of 0.

    Args:
        labels: `(n,)`, 0 or 1.
        scores_a, scores_b: `(n,)` each, the higher, the likelier is 1.
        level: confidence of the interval, a fraction.

    Returns:
        PairedTest. The difference is NaN, too, where a class is missing.

    Raises:
        DataError: see `kavc.metrics.check_binary`; or `level` is no fraction.

    Reference:
        DeLong et al., 1988.

    Example:
        >>> labels = [0] * 10 + [1] * 10
        >>> found = paired_test(labels, [*range(10), *range(5, 15)], [*range(10), *range(2, 12)])
        >>> round(found.difference, 3), round(found.z, 2), round(found.p, 3)
        (0.195, 3.3, 0.001)
    """
    quantile = normal_quantile(level)
    wins, losses = (a - b for a, b in _comparisons(labels, [scores_a, scores_b]))
    positives, negatives = wins.size, losses.size
    difference = float(wins.mean()) / negatives if positives and negatives else math.nan
    variance = math.nan
    if min(positives, negatives) > 1:
        variance = float(wins.var(ddof=1)) / (negatives**2 * positives)
        variance += float(losses.var(ddof=1)) / (positives**2 * negatives)
    if not _tells(labels, variance):
        return PairedTest(difference, (math.nan, math.nan), math.nan, math.nan, level)
    error = math.sqrt(variance)
    z, half_width = difference / error, quantile * error
    interval = (difference - half_width, difference + half_width)
    return PairedTest(difference, interval, z, float(2 * norm.sf(abs(z))), level)


def _comparisons(labels: ArrayLike, scores: Sequence[ArrayLike]) -> tuple[np.ndarray, np.ndarray]:
    """Each positive's wins over negatives, and each negative's losses, a tie counting one half.

    They are multiples of one half, so that what is equal is so to the last bit.

    Returns:
        `(systems, positives)` and `(systems, negatives)`, float64.
    """
    systems = [check_binary(labels, one) for one in scores]
    truth, stacked = systems[0][0], np.stack([one for _, one in systems])
    ranks = rankdata(stacked, axis=1)
    wins = ranks[:, truth] - rankdata(stacked[:, truth], axis=1)
    below = ranks[:, ~truth] - rankdata(stacked[:, ~truth], axis=1)
    return wins, truth.sum() - below


def _tells(labels: ArrayLike, variance: float) -> bool:
    """Whether a variance says how sure an AUC is, or the difference of two."""
    positives = int(np.asarray(labels).astype(bool).sum())
    return min(positives, np.size(labels) - positives) >= FEWEST and variance > 0


def _covariance(components: np.ndarray) -> np.ndarray:
    """Sample covariance (n - 1) of the rows; NaN where there is but one column."""
    if components.shape[1] < 2:
        return np.full((len(components),) * 2, np.nan)
    return np.atleast_2d(np.cov(components))
