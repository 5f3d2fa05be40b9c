"""Bootstrap of the AUC over clusters of examples: the pairs that share a video stay together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.evaluation.estimate import FEWEST, Estimate, all_equal, check_level
from kavc.metrics.auc import roc_auc
from kavc.metrics.binary import check_binary


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """A number, such as an AUC or a mean, and what it was in each of many draws.

    The difference of two systems is that of their `samples`, if both were drawn with the same
    clusters and seed.

    Args:
        value: on all examples.
        samples: `(draws,) float64`. In each draw; NaN where a draw lacks a class.
        count: what it rests on: examples of the smaller class, or of a mean.

    Reference:
        Efron and Tibshirani, 1993 (the percentile interval).

    Example:
        >>> draws = np.linspace(0, 1, 101)
        >>> [round(end, 2) for end in Bootstrap(0.5, draws, count=50).estimate(0.9).interval]
        [0.05, 0.95]
        >>> Bootstrap(0.5, draws, count=5).estimate(0.9).interval  # rests on too few
        (nan, nan)
    """

    value: float
    samples: np.ndarray
    count: int

    def estimate(self, level: float = 0.95) -> Estimate:
        """Returns the number with the percentile interval of its draws, draws of NaN left out.

        There is none, NaN, where `count` is below `kavc.evaluation.estimate.FEWEST`, and where all
        draws are equal: that says nothing of how sure the number is.
        """
        tail = (1 - check_level(level)) / 2
        kept = self.samples[~np.isnan(self.samples)]
        if self.count < FEWEST or all_equal(kept):
            return Estimate(self.value, np.nan, np.nan, level)
        low, high = np.quantile(kept, [tail, 1 - tail])
        return Estimate(self.value, float(low), float(high), level)


def auc_bootstrap(
    labels: ArrayLike,
    scores: ArrayLike,
    cluster_ids: ArrayLike,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Bootstrap:
    """Draws clusters with replacement, each with all its examples, and takes the AUC of each draw.

    For audio-visual pairs a cluster is the visual's video: it brings its positive and its negative.

    Args:
        labels: `(n,)`, 0 or 1.
        scores: `(n,)`, the higher, the likelier is 1.
        cluster_ids: `(n,)` integers or strings; equal ones are one cluster.
        draws: how many times to draw.
        seed: of the draws; equal clusters and seeds draw alike.

    Returns:
        Bootstrap, whose count is that of the smaller class, or of the clusters if these are fewer.

    Raises:
        DataError: see `kavc.metrics.check_binary`; or `cluster_ids` have another shape, or
            `draws` is below 1.

    Reference:
        Field and Welsh, 2007 (the cluster bootstrap).

    Example:
        >>> labels, scores, videos = np.tile([0, 1], 20), np.arange(40) % 7, np.arange(40) // 2
        >>> found = auc_bootstrap(labels, scores, videos, draws=100)
        >>> found.count, found.samples.shape
        (20, (100,))
    """
    labels, scores = check_binary(labels, scores)
    cluster_ids = np.asarray(cluster_ids)
    if cluster_ids.shape != labels.shape:
        raise DataError(f"cluster_ids have shape {cluster_ids.shape}, expected {labels.shape}")
    if draws < 1:
        raise DataError(f"draws is {draws}, expected 1 or more")
    order = np.argsort(scores, kind="stable")
    clusters, cluster_of = np.unique(cluster_ids, return_inverse=True)
    samples = _weighted_aucs(
        labels[order], scores[order], cluster_of[order], len(clusters), draws, seed
    )
    positives = int(labels.sum())
    count = min(positives, labels.size - positives, len(clusters))
    return Bootstrap(roc_auc(labels, scores), samples, count)


def _weighted_aucs(
    labels: np.ndarray,
    scores: np.ndarray,
    cluster_of: np.ndarray,
    clusters: int,
    draws: int,
    seed: int,
) -> np.ndarray:
    """AUC of each draw, from examples sorted by score: a cluster's multiplicity is its weight."""
    random = np.random.default_rng(seed)
    samples = np.full(draws, np.nan)
    if not labels.size:
        return samples
    tie_starts = np.flatnonzero(np.append(True, scores[1:] != scores[:-1]))
    for draw in range(draws):
        times = np.bincount(random.integers(clusters, size=clusters), minlength=clusters)
        weights = times[cluster_of]
        positives = np.add.reduceat(weights * labels, tie_starts)
        negatives = np.add.reduceat(weights * ~labels, tie_starts)
        pairs = positives.sum() * negatives.sum()
        if pairs:
            # Twice the negatives below, plus once those at the same score.
            twice_below = 2 * np.cumsum(negatives) - negatives
            samples[draw] = np.dot(positives, twice_below) / (2 * pairs)
    return samples
