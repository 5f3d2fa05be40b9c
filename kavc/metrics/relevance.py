"""How well what is retrieved fits the query's labels, the query's own match left out.

The gain of an item is the Jaccard index of both label sets, shared labels over all labels, so that
a video with every common label is no answer to everything. Ties are taken by expectation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.metrics.retrieval import blocked_scores

BLOCK = 256  # queries that are scored at a time


@dataclass(frozen=True)
class LabelRelevance:
    """What stands in the first places of each query, its match left out.

    A query that shares no label with any other item has no right answer: it is left out of every
    mean. Means over no query are NaN.

    Args:
        shares: `(queries, k) float64`: probability, over ties, that the item in each place shares
            a label.
        gains: `(queries, k) float64`: its expected Jaccard index.
        ideal: `(queries, k) float64`: the largest Jaccard indices there are, descending.
        chance_shares, chance_gains: `(queries,) float64`: means over all items.

    Example:
        >>> labels = scipy.sparse.csr_matrix([[1, 0], [1, 1], [0, 1]], dtype=bool)
        >>> found = label_relevance(np.eye(3), np.eye(3), labels, k=2)
        >>> found.gains.tolist(), found.ideal.tolist()  # nothing is like anything: all tie
        ([[0.25, 0.25], [0.5, 0.5], [0.25, 0.25]], [[0.5, 0.0], [0.5, 0.5], [0.5, 0.0]])
    """

    shares: np.ndarray
    gains: np.ndarray
    ideal: np.ndarray
    chance_shares: np.ndarray
    chance_gains: np.ndarray

    @property
    def answerable(self) -> np.ndarray:
        """`(queries,) bool`: shares a label with some other item."""
        return self.ideal[:, 0] > 0

    def precision_at(self, k: int) -> float:
        """Share of the first `k` that share a label with the query."""
        return _mean(self.shares[self.answerable, : self._depth(k)])

    def ndcg_at(self, k: int = 10) -> float:
        """Discounted gain of the first `k`, over that of the best order there is.

        Linear gains and a discount of log2(1 + place), after Järvelin and Kekäläinen, 2002.

        Example:
            >>> labels = scipy.sparse.csr_matrix([[1, 0], [1, 0], [0, 1]], dtype=bool)
            >>> found = label_relevance(np.eye(3), np.eye(3)[[1, 0, 2]], labels, k=2)
            >>> found.ndcg_at(2), round(found.chance_ndcg_at(2), 3)
            (1.0, 0.815)
        """
        return self._normalised(self.gains, k)

    def chance_precision(self) -> float:
        """`precision_at` any k, of an order drawn at random."""
        return _mean(self.chance_shares[self.answerable])

    def chance_ndcg_at(self, k: int = 10) -> float:
        """`ndcg_at` of an order drawn at random."""
        return self._normalised(np.broadcast_to(self.chance_gains[:, None], self.ideal.shape), k)

    def _normalised(self, gains: np.ndarray, k: int) -> float:
        discounts = 1 / np.log2(1 + np.arange(1, self._depth(k) + 1))
        found, best = (
            x[self.answerable, : len(discounts)] @ discounts for x in (gains, self.ideal)
        )
        return _mean(found / best)

    def _depth(self, k: int) -> int:
        if not 1 <= k <= self.ideal.shape[1]:
            raise DataError(f"relevance at {k}: expected 1 to {self.ideal.shape[1]}")
        return k


def label_relevance(
    queries: ArrayLike,
    gallery: ArrayLike,
    labels: scipy.sparse.csr_matrix,
    *,
    k: int = 10,
    block: int = BLOCK,
) -> LabelRelevance:
    """Looks at the labels of what is retrieved. Memory is that of `block` times the items.

    Args:
        queries, gallery: `(n, width)` each; query i belongs to item i, which is left out.
        labels: `(n, classes) bool`, sparse: labels of query i and of item i.
        k: how many places to look at; `n - 1` if there are no more items.
        block: queries that are scored at a time.

    Raises:
        DataError: the shapes do not fit, or there are fewer than two items.

    Example:
        >>> labels = scipy.sparse.csr_matrix([[1, 0], [1, 0], [0, 1]], dtype=bool)
        >>> found = label_relevance(np.eye(3), np.eye(3)[[1, 0, 2]], labels, k=1)
        >>> found.precision_at(1), found.chance_precision(), int(found.answerable.sum())
        (1.0, 0.5, 2)
    """
    queries, gallery = np.asarray(queries), np.asarray(gallery)
    labels = scipy.sparse.csr_matrix(labels, dtype=np.float32)
    if not len(queries) == len(gallery) == labels.shape[0] > 1:
        raise DataError(
            f"{len(queries)} queries, {len(gallery)} items and labels of {labels.shape[0]}: "
            "expected as many of each, two at least"
        )
    k = min(k, len(gallery) - 1)
    parts = []
    for first, scores in blocked_scores(queries, gallery, block):
        rows = np.arange(len(scores))
        gains = _jaccard(labels[first : first + len(scores)], labels)
        scores[rows, first + rows], gains[rows, first + rows] = -np.inf, 0
        places = _first_places(scores, (gains > 0, gains), k)
        means = ((gains > 0).sum(axis=1), gains.sum(axis=1, dtype=np.float64))
        parts.append((*places, _largest(gains, k), *(x / (len(gallery) - 1) for x in means)))
    return LabelRelevance(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _jaccard(queries: scipy.sparse.csr_matrix, items: scipy.sparse.csr_matrix) -> np.ndarray:
    """Shared labels over all labels of both, `(queries, items) float32`; 0 without any label."""
    shared = (queries @ items.T).toarray()
    counts = (np.asarray(labels.sum(axis=1)).ravel() for labels in (queries, items))
    union = np.add.outer(*counts) - shared
    return shared / np.maximum(union, 1)


def _largest(values: np.ndarray, k: int) -> np.ndarray:
    return -np.sort(np.partition(-values, k - 1, axis=1)[:, :k], axis=1).astype(np.float64)


def _first_places(scores: np.ndarray, values: tuple[np.ndarray, ...], k: int) -> list[np.ndarray]:
    """Expected values of the items in the first k places, `(queries, k)` each."""
    top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1)
    top = np.take_along_axis(top, order, axis=1)
    best = np.take_along_axis(scores, top, axis=1)
    least = best[:, -1:]
    last = scores == least  # more of them than there are places, maybe: each as likely as another
    alike = best[:, :, None] == best[:, None, :]
    found = []
    for value in values:
        mean = np.einsum("qi,qi->q", value, last, dtype=np.float64) / last.sum(axis=1)
        chosen = np.where(best == least, mean[:, None], np.take_along_axis(value, top, axis=1))
        found.append(np.einsum("qpr,qr->qp", alike, chosen) / alike.sum(axis=2))
    return found


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if values.size else float("nan")
