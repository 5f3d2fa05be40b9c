"""Retrieval among galleries drawn at random, in closed form: the mean over every possible draw.

A gallery holds the match and `size - 1` others, drawn without replacement. Of the items that score
higher than the match in the whole set, it then holds a hypergeometric number, so that "repeat with
many galleries" needs no drawing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from kavc.errors import DataError
from kavc.metrics.retrieval import MatchRanks

ROUNDING = 1e-9  # of sums over all items, far below one query in any set


@dataclass(frozen=True)
class RandomGalleries:
    """All galleries of one size that can be drawn from a set and hold the match.

    Ties are taken by expectation, as `MatchRanks` does. A gallery as large as the set is the set.

    Args:
        size: items in a gallery, the match among them.
        items: items in the whole set, in which `MatchRanks` were found.

    Raises:
        DataError: `size` is not in 1 to `items`.

    Example:
        >>> ranks = MatchRanks(better=np.array([0, 3]), tied=np.array([0, 0]))
        >>> round(RandomGalleries(2, items=4).recall_at(ranks, 1), 6)  # the worst loses to all
        0.5
        >>> round(RandomGalleries(2, items=7).recall_at(ranks, 1), 6)  # and here to half of them
        0.75
    """

    size: int
    items: int

    def __post_init__(self) -> None:
        if not 1 <= self.size <= self.items:
            raise DataError(
                f"galleries of {self.size} cannot be drawn from {self.items} items; expected 1 to "
                f"{self.items}"
            )

    def hits(self, ranks: MatchRanks, ks: Sequence[int]) -> np.ndarray:
        """Probability that each query's match is among the first K.

        Args:
            ranks: in the whole set.
            ks: values of K, at least 1.

        Returns:
            `(queries, ks) float64`.

        Raises:
            DataError: a K is below 1, or a rank lies outside the set.

        Example:
            >>> ranks = MatchRanks(better=np.array([0, 3]), tied=np.array([0, 0]))
            >>> RandomGalleries(2, items=7).hits(ranks, [1, 2]).round(6).tolist()
            [[1.0, 1.0], [0.5, 1.0]]
        """
        self._check(ranks)
        if min(ks) < 1:
            raise DataError(f"recall at {min(ks)}: expected at least 1")
        last = [min(k, self.size) for k in ks]
        found = {
            k: ranks.gains(by_place)
            for k, by_place in zip(range(1, max(last) + 1), self._recalls(), strict=False)
            if k in last
        }
        return np.stack([found[k] for k in last], axis=1)

    def recall_at(self, ranks: MatchRanks, k: int) -> float:
        """Share of queries whose match is among the first `k`."""
        return float(np.mean(self.hits(ranks, [k])))

    def median_rank(self, ranks: MatchRanks) -> int:
        """The least K whose recall reaches one half, queries, draws and ties together.

        Example:
            >>> ranks = MatchRanks(better=np.array([40]), tied=np.array([0]))
            >>> RandomGalleries(10, items=100).median_rank(ranks)
            5
        """
        self._check(ranks)
        return next(
            k
            for k, by_place in enumerate(self._recalls(), 1)
            if np.mean(ranks.gains(by_place)) >= 0.5 - ROUNDING
        )

    def mean_reciprocal_rank(self, ranks: MatchRanks) -> float:
        """Mean of 1 / rank.

        The mean of 1 / (1 + h) over a hypergeometric h is itself closed: of `size` drawn from all,
        the probability that one at least is the match or better than it, over its expected number.
        """
        self._check(ranks)
        not_worse = np.arange(1, self.items + 1)
        none = self._log_ways(self.items - not_worse, self.size)
        missed = np.exp(none - self._log_ways(np.array(self.items), self.size))
        expected = not_worse * self.size / self.items
        return float(np.mean(ranks.gains((1 - missed) / expected)))

    def ndcg_at(self, ranks: MatchRanks, k: int = 10) -> float:
        """Normalised discounted cumulative gain where the match alone is relevant."""
        self._check(ranks)
        by_place = np.zeros(self.items)
        for place, probability in zip(range(1, k + 1), self._places(), strict=False):
            by_place += probability / np.log2(1 + place)
        return float(np.mean(ranks.gains(by_place)))

    def _recalls(self) -> Iterator[np.ndarray]:
        """Recall at 1, 2, ..., `size`, each by the number of better items in the whole set."""
        return itertools.accumulate(self._places())

    def _places(self) -> Iterator[np.ndarray]:
        """Probabilities of the first place, the second, ..., likewise: `(items,)` each."""
        better = np.arange(self.items)
        others, drawn = self.items - 1, self.size - 1
        draws = self._log_ways(np.array(others), drawn)
        for before in range(self.size):
            ways = self._log_ways(better, before) + self._log_ways(others - better, drawn - before)
            yield np.exp(ways - draws)

    def _log_ways(self, of: np.ndarray, drawn: int) -> np.ndarray:
        """Log of the number of ways to draw `drawn` out of each of `of`; -inf for none."""
        possible = (drawn >= 0) & (of >= drawn)
        of = np.where(possible, of, drawn)
        drawn = max(drawn, 0)
        ways = gammaln(of + 1.0) - gammaln(drawn + 1.0) - gammaln(of - drawn + 1.0)
        return np.where(possible, ways, -np.inf)

    def _check(self, ranks: MatchRanks) -> None:
        if ranks.places > self.items:
            raise DataError(
                f"a match stands in place {ranks.places} of a set of {self.items}; give the number "
                "of items that the ranks were found among"
            )
