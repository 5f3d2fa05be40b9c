"""Where each query finds its own match in a gallery: recall at K, ranks, reciprocal rank, nDCG.

Query i belongs to gallery item i. Ties are taken by expectation: among equals the match is as
likely to stand in one place as in another, so that a network which gives one answer to everything
gets recall K/N. The published rule of the cross-modal embedding code is there for comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError

BLOCK = 1024  # queries that are scored at a time


@dataclass(frozen=True)
class MatchRanks:
    """How many items stand before and beside each query's match.

    Args:
        better: `(queries,) int64`: items that score higher than the match.
        tied: `(queries,) int64`: other items that score the same.

    Example:
        >>> ranks = MatchRanks(better=np.array([0, 2]), tied=np.array([3, 0]))
        >>> ranks.expected.tolist(), ranks.recall_at(1), ranks.recall_at(3)
        ([2.5, 3.0], 0.125, 0.875)
    """

    better: np.ndarray
    tied: np.ndarray

    @property
    def expected(self) -> np.ndarray:
        """`(queries,) float64`: the match's expected rank, from 1."""
        return 1 + self.better + self.tied / 2

    def recall_at(self, k: int) -> float:
        """Share of queries whose match is among the first `k`, in expectation over ties.

        Reference:
            Surís et al., 2018, section 4.1.

        Example:
            >>> MatchRanks(better=np.array([0]), tied=np.array([99])).recall_at(10)  # all tie
            0.1
        """
        if k < 1:
            raise DataError(f"recall at {k}: expected at least 1")
        places = np.clip(k - self.better, 0, self.tied + 1)
        return float(np.mean(places / (self.tied + 1)))

    def median_rank(self) -> float:
        """Median of the expected ranks, from 1."""
        return float(np.median(self.expected))

    def mean_reciprocal_rank(self) -> float:
        """Mean of 1 / rank, in expectation over ties.

        Reference:
            Voorhees, "The TREC-8 Question Answering Track Report", 1999.

        Example:
            >>> round(MatchRanks(np.array([0, 3]), np.array([0, 0])).mean_reciprocal_rank(), 3)
            0.625
        """
        return float(np.mean(self.gains(1 / np.arange(1, self.places + 1))))

    def ndcg_at(self, k: int = 10) -> float:
        """Normalised discounted cumulative gain where the match alone is relevant.

        That is the mean of 1 / log2(1 + rank) over matches among the first `k`, in expectation over
        ties.

        Reference:
            Järvelin and Kekäläinen, 2002.

        Example:
            >>> round(MatchRanks(np.array([0, 2]), np.array([0, 0])).ndcg_at(), 3)
            0.75
        """
        by_place = 1 / np.log2(1 + np.arange(1, self.places + 1))
        by_place[k:] = 0
        return float(np.mean(self.gains(by_place)))

    @property
    def places(self) -> int:
        """The last place that any match may have, from 1."""
        return int((self.better + self.tied).max()) + 1

    def gains(self, by_place: np.ndarray) -> np.ndarray:
        """What each match is worth, in expectation over ties.

        Args:
            by_place: `(places,)` or longer: what a match is worth in each place, from the first.

        Returns:
            `(queries,) float64`.

        Example:
            >>> MatchRanks(np.array([0, 1]), np.array([0, 1])).gains(np.array([1.0, 0.5, 0.0]))
            array([1.  , 0.25])
        """
        sums = np.concatenate([[0.0], np.cumsum(by_place)])
        among = sums[self.better + self.tied + 1] - sums[self.better]
        return among / (self.tied + 1)


def match_ranks(queries: ArrayLike, gallery: ArrayLike, *, block: int = BLOCK) -> MatchRanks:
    """Scores every query against the whole gallery by dot product, and ranks its match.

    Give unit vectors for cosine similarity. Memory is that of `block` times the gallery.

    Args:
        queries: `(n, width)`, finite; query i belongs to item i.
        gallery: `(m, width)`, m at least n.
        block: queries that are scored at a time.

    Raises:
        DataError: the shapes do not fit, or a value is not finite.

    Example:
        >>> ranks = match_ranks([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [1.0, 0.9]])
        >>> ranks.recall_at(1), ranks.median_rank()
        (0.5, 1.5)
    """
    return joined_ranks(
        [
            rank_scores(scores, first=first)
            for first, scores in blocked_scores(queries, gallery, block)
        ]
    )


def joined_ranks(parts: Sequence[MatchRanks]) -> MatchRanks:
    """Returns the ranks of several parts of the queries, one after another.

    Example:
        >>> parts = [rank_scores([[0.9, 0.1]]), rank_scores([[0.8, 0.2]], first=1)]
        >>> joined_ranks(parts).better.tolist()
        [0, 1]
    """
    return MatchRanks(
        np.concatenate([part.better for part in parts]),
        np.concatenate([part.tied for part in parts]),
    )


def blocked_scores(
    queries: ArrayLike, gallery: ArrayLike, block: int = BLOCK
) -> Iterator[tuple[int, np.ndarray]]:
    """Scores queries against the whole gallery by dot product, `block` of them at a time.

    Equal items score equally, to the last bit. A matrix product alone does not see to that: in
    float32 it rounds equal columns differently, and silent videos, which all sound the same,
    would seem to differ.

    Args:
        queries, gallery, block: see `match_ranks`.

    Yields:
        Number of the block's first query, and its scores `(block or fewer, m)`, the caller's own.

    Raises:
        DataError: see `match_ranks`.

    Example:
        >>> queries = np.eye(3, dtype=np.float32)
        >>> [(first, scores.shape) for first, scores in blocked_scores(queries, np.ones((4, 3)), 2)]
        [(0, (2, 4)), (2, (1, 4))]
    """
    queries, gallery = _vectors("queries", queries), _vectors("gallery", gallery)
    if queries.shape[1] != gallery.shape[1] or not 0 < len(queries) <= len(gallery):
        raise DataError(
            f"queries {queries.shape} and gallery {gallery.shape}: expected the same width, and "
            "an item for each query"
        )
    originals = first_equal(gallery)
    copies = np.flatnonzero(originals != np.arange(len(gallery)))
    for first in range(0, len(queries), block):
        scores = queries[first : first + block] @ gallery.T
        scores[:, copies] = scores[:, originals[copies]]
        yield first, scores


def first_equal(rows: np.ndarray) -> np.ndarray:
    """Returns for each row the number of the first row that equals it.

    Args:
        rows: `(n, width)`.

    Example:
        >>> first_equal(np.array([[1, 2], [3, 4], [1, 2]])).tolist()
        [0, 1, 0]
    """
    _, first, back = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first[back.ravel()]  # NumPy 2.0 gives `back` another axis


def rank_scores(scores: ArrayLike, *, first: int = 0) -> MatchRanks:
    """Ranks the matches of given scores.

    Args:
        scores: `(n, m)`, finite; the match of row i is column `first + i`.
        first: column of the first row's match.

    Raises:
        DataError: the shape does not fit, or a score is not finite.

    Example:
        >>> ranks = rank_scores([[0.1, 0.9, 0.5], [0.2, 0.4, 0.4]], first=1)
        >>> ranks.better.tolist(), ranks.tied.tolist()
        ([0, 0], [0, 1])
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or not 0 < len(scores) <= scores.shape[1] - first:
        raise DataError(f"scores {scores.shape}: expected a column for each row's match")
    if not np.isfinite(scores).all():
        raise DataError("scores are not finite")
    rows = np.arange(len(scores))
    match = scores[rows, first + rows][:, None]
    better = np.count_nonzero(scores > match, axis=1)
    not_worse = np.count_nonzero(scores >= match, axis=1)
    return MatchRanks(better, not_worse - better - 1)


def published_recall_at(scores: ArrayLike, ks: Iterable[int]) -> list[float]:
    """Recall at K by the rule of the published cross-modal embedding code.

    It keeps a list of K, in the order of the gallery: an item that scores strictly more than the
    least of the list takes the first place that holds that least. Among equals this is no stable
    order. A score of -1 or less never enters.

    Args:
        scores: `(n, n)`; the match of row i is column i.
        ks: sizes of the list.

    Raises:
        DataError: as `rank_scores`.

    Reference:
        Published code of Surís et al., 2018.

    Example:
        >>> scores = np.array([[0.5, 0.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
        >>> found = published_recall_at(scores, [1, 2])
        >>> np.round(found, 3).tolist(), round(rank_scores(scores).recall_at(2), 3)
        ([0.333, 0.667], 0.778)
    """
    scores = np.asarray(scores)
    rank_scores(scores)  # for its checks
    return [_published(scores, k) for k in ks]


def _published(scores: np.ndarray, k: int) -> float:
    rows = np.arange(len(scores))
    kept = np.full((len(scores), k), -1, scores.dtype)
    items = np.full((len(scores), k), -1)
    for item, column in enumerate(scores.T):
        least = kept.argmin(axis=1)
        enters = column > kept[rows, least]
        kept[rows[enters], least[enters]] = column[enters]
        items[rows[enters], least[enters]] = item
    return float(np.mean((items == rows[:, None]).any(axis=1)))


def _vectors(name: str, values: ArrayLike) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise DataError(f"{name}: expected numbers (n, width), got {values.dtype} {values.shape}")
    if not np.isfinite(values).all():
        raise DataError(f"{name}: holds values that are not finite")
    return values.astype(np.result_type(values, np.float32), copy=False)  # what BLAS multiplies
