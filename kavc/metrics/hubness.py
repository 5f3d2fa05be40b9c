"""Hubness: how often each item of a gallery is among the first that queries find.

In a space of many dimensions some items, the hubs, are near to very many queries, and others are
found by none (Radovanović et al., "Hubs in Space", 2010).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.metrics.retrieval import blocked_scores

BLOCK = 256  # queries that are scored at a time


@dataclass(frozen=True)
class Hubness:
    """How queries spread over a gallery.

    Args:
        occurrence: `(items,) float64`: the k-occurrence, how many queries have the item among their
            first `k`, in expectation over ties.
        k: places that are looked at.

    Reference:
        Radovanović et al., "Hubs in Space", 2010.

    Example:
        >>> found = hubness([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]], np.eye(3, 2), k=1)
        >>> found.occurrence.tolist(), found.never
        ([2.0, 1.0, 0.0], 0.333...)
    """

    occurrence: np.ndarray
    k: int

    @property
    def skewness(self) -> float:
        """Third standardised moment of the k-occurrence: 0 without hubs; NaN if all are alike.

        Reference:
            Radovanović et al., 2010.

        Example:
            >>> round(Hubness(np.array([0.0, 0.0, 0.0, 4.0]), k=1).skewness, 3)
            1.155
        """
        centred = self.occurrence - self.occurrence.mean()
        deviation = np.sqrt(np.mean(centred**2))
        return float(np.mean((centred / deviation) ** 3)) if deviation > 0 else float("nan")

    @property
    def never(self) -> float:
        """Share of items that no query has among its first `k`."""
        return float(np.mean(self.occurrence == 0))

    @property
    def largest(self) -> float:
        """The largest k-occurrence."""
        return float(self.occurrence.max())


def hubness(queries: ArrayLike, gallery: ArrayLike, k: int = 10, *, block: int = BLOCK) -> Hubness:
    """Counts how often each item is among the first `k`. Memory is that of `block` times the items.

    Items that tie for the last places share them, so that the counts add up to `k` a query.

    Args:
        queries, gallery: as of `kavc.metrics.retrieval.match_ranks`, scored by dot product.
        k: from 1 to the number of items.
        block: queries that are scored at a time.

    Raises:
        DataError: `k` is out of range, or as `match_ranks`.

    Reference:
        Radovanović et al., "Hubs in Space", 2010.

    Example:
        >>> hubness(np.ones((4, 2)), np.ones((4, 2)), k=1).occurrence.tolist()  # all tie: all share
        [1.0, 1.0, 1.0, 1.0]
    """
    items = len(np.asarray(gallery))
    if not 1 <= k <= items:
        raise DataError(f"hubness at {k}: expected 1 to {items}, the number of items")
    occurrence = np.zeros(items)
    for shares in _shares(queries, gallery, k, block):
        occurrence += shares.sum(axis=0)
    return Hubness(occurrence, k)


def _shares(queries: ArrayLike, gallery: ArrayLike, k: int, block: int) -> Iterator[np.ndarray]:
    """Yields the probability that each item is among the first, `(block, items) float64`."""
    for _, scores in blocked_scores(queries, gallery, block):
        last = np.partition(scores, -k, axis=1)[:, -k, None]
        better, tied = scores > last, scores == last
        left = k - better.sum(axis=1, keepdims=True)
        yield better + tied * (left / tied.sum(axis=1, keepdims=True))
