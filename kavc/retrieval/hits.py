"""What a search found."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class _Pair(NamedTuple):
    ids: np.ndarray
    scores: np.ndarray


class Hits(_Pair):
    """The nearest of each query, best first: a pair `ids, scores`, with what more is known.

    >>> hits = Hits(np.array([["bark"]]), np.array([[0.9]]), np.array([[None]]))
    >>> ids, scores = hits
    >>> ids.tolist(), hits.scores.tolist()
    ([['bark']], [[0.9]])

    Attributes:
        ids: (n, k) text.
        scores: (n, k) float32.
        labels: (n, k) objects, each a tuple of names, () for an item without any; None where the
            index knows none.
    """

    labels: np.ndarray | None = None

    def __new__(cls, ids: np.ndarray, scores: np.ndarray, labels: np.ndarray | None = None) -> Hits:
        """Makes the pair; `labels` stands beside it."""
        found = super().__new__(cls, ids, scores)
        found.labels = labels
        return found

    def __repr__(self) -> str:
        queries, found = self.ids.shape
        return f"Hits({queries} queries, {found} found for each, best first)"
