"""Area under the ROC curve as the exact rank statistic, over all pairs and a group at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from kavc.errors import DataError
from kavc.metrics.binary import check_binary


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Probability that a positive scores higher than a negative, a tie counting one half.

    This is Mann and Whitney's statistic, exact, in O(n log n). Give logits: sigmoids of float32
    saturate and so tie where logits do not.

    Args:
        labels: `(n,)`, 0 or 1.
        scores: `(n,)`, the higher, the likelier is 1.

    Returns:
        float in [0, 1]; NaN where a class is missing.

    Raises:
        DataError: see `check_binary`.

    Reference:
        Mann and Whitney, 1947; Hanley and McNeil, 1982.

    Example:
        >>> roc_auc([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8])
        0.875
    """
    return _rank_statistic(*check_binary(labels, scores))


def roc_auc_per_group(
    labels: ArrayLike, scores: ArrayLike, groups: ArrayLike, num_groups: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`roc_auc` within each group, as in Figure 2 of the Ti-AVC paper (a group is a theme there).

    Args:
        labels: `(n,)`, 0 or 1.
        scores: `(n,)`, the higher, the likelier is 1.
        groups: `(n,)` integers in [0, num_groups).
        num_groups: how many groups there are, empty ones included.

    Returns:
        AUC `(num_groups,) float64`, NaN where a class is missing; positives and negatives,
        `(num_groups,) int64` each.

    Raises:
        DataError: see `check_binary`; or a group is no integer or out of range.

    Example:
        >>> auc, positives, negatives = roc_auc_per_group([0, 1, 1], [0.2, 0.8, 0.5], [0, 0, 1], 2)
        >>> auc, positives, negatives  # the second group has no negative
        (array([ 1., nan]), array([1, 1]), array([1, 0]))
    """
    labels, scores = check_binary(labels, scores)
    groups = _check_groups(groups, labels.size, num_groups)
    counts = np.bincount(groups, minlength=num_groups)
    positives = np.bincount(groups[labels], minlength=num_groups)
    members = np.split(np.argsort(groups), np.cumsum(counts)[:-1])
    auc = [_rank_statistic(labels[index], scores[index]) for index in members]
    return np.array(auc), positives, counts - positives


def _rank_statistic(labels: np.ndarray, scores: np.ndarray) -> float:
    positives = int(labels.sum())
    negatives = labels.size - positives
    if not positives or not negatives:
        return float("nan")
    rank_sum = rankdata(scores)[labels].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def _check_groups(groups: ArrayLike, size: int, num_groups: int) -> np.ndarray:
    groups = np.asarray(groups)
    if num_groups < 1:
        raise DataError(f"num_groups is {num_groups}, expected 1 or more")
    if groups.shape != (size,) or (size and groups.dtype.kind not in "iu"):
        raise DataError(
            f"groups have shape {groups.shape} and dtype {groups.dtype}, "
            f"expected ({size},) integers"
        )
    if size and (groups.min() < 0 or groups.max() >= num_groups):
        raise DataError(
            f"groups span {groups.min()} to {groups.max()}, expected 0 to {num_groups - 1}"
        )
    return groups.astype(np.int64)
