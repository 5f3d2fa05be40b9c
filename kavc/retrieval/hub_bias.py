"""How near items are to a bank of queries: the bias of hubs, by two published rules.

    inverted softmax   log(mean over the bank of exp(beta * cosine)) / beta
    csls               mean of the largest cosines with the bank

References: Smith et al., 2017 (inverted softmax); Conneau et al., 2018 (cross-domain similarity
local scaling).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SCORES = 2**21  # of items with the bank, that are held at a time: 16 MiB

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]


def inverted_softmax_bias(
    items: np.ndarray,
    bank: np.ndarray,
    beta: float = 20.0,
    *,
    weights: np.ndarray | None = None,
    own: np.ndarray | None = None,
) -> np.ndarray:
    """Returns how near items are to a bank of queries, by the inverted softmax.

    An item's cosine with a query, less this bias, is the logarithm of the share that the query has
    among those of the bank in what the item is near to, over `beta` and but for a constant. Memory
    is that of some 2 million scores.

    Args:
        items: `(n, dim) float32` of norm 1.
        bank: `(queries, dim) float32` of norm 1; at least 2.
        beta: the inverse temperature. 0 tends to the mean cosine, a large one to the largest.
        weights: `(queries,)`, positive: how many queries a row of the bank stands for, in any unit.
            None for one each.
        own: `(n,)` integers: the row of the bank that is the item's own match, which is left out;
            -1 for none. None for none at all.

    Returns:
        `(n,) float32`.

    Example:
        >>> bank = np.array([[1.0, 0.0], [0.6, 0.8]], np.float32)
        >>> inverted_softmax_bias(np.eye(2, dtype=np.float32), bank).round(3).tolist()
        [0.96..., 0.76...]

    Reference:
        Smith et al., 2017 (the inverted softmax).
    """
    shares = np.ones(len(bank)) if weights is None else np.asarray(weights, np.float64)

    def bias(scores: np.ndarray, counted: np.ndarray) -> np.ndarray:
        largest = scores.max(axis=1, keepdims=True)
        with np.errstate(under="ignore"):
            total = np.exp(beta * (scores - largest)) @ shares
        return largest[:, 0] + np.log(total / counted) / beta

    return _biases(items, bank, shares, own, bias)


def csls_bias(
    items: np.ndarray,
    bank: np.ndarray,
    neighbours: int = 50,
    *,
    own: np.ndarray | None = None,
) -> np.ndarray:
    """Returns how near items are to a bank of queries, by their nearest ones.

    Half of this is what cross-domain similarity local scaling takes off an item's cosine; the
    query's own half is the same for all items.

    Args:
        items, bank, own: as `inverted_softmax_bias`.
        neighbours: how many rows of the bank; all, if it has no more.

    Returns:
        `(n,) float32`.

    Reference:
        Conneau et al., 2018 (cross-domain similarity local scaling).

    Example:
        >>> bank = np.array([[1.0, 0.0], [0.6, 0.8]], np.float32)
        >>> csls_bias(np.eye(2, dtype=np.float32), bank, 1).round(3).tolist()
        [1.0, 0.8...]
    """

    def bias(scores: np.ndarray, counted: np.ndarray) -> np.ndarray:
        k = min(neighbours, scores.shape[1])
        nearest = np.partition(scores, -k, axis=1)[:, -k:]
        there = np.isfinite(nearest)  # else an item's own query, where all of the bank is asked for
        return nearest.sum(axis=1, where=there, dtype=np.float64) / there.sum(axis=1)

    return _biases(items, bank, np.ones(len(bank)), own, bias)


def _biases(
    items: np.ndarray, bank: np.ndarray, shares: np.ndarray, own: np.ndarray | None, rule: Rule
) -> np.ndarray:
    """Returns what a rule makes of items' scores, and of the shares that count, in blocks."""
    own = np.full(len(items), -1) if own is None else own
    queries = bank.astype(np.float64)
    block = max(1, SCORES // len(bank))
    found = np.empty(len(items), np.float32)
    for start in range(0, len(items), block):
        rows = slice(start, start + block)
        # In float64, since a product rounds equal items differently at different places.
        scores = items[rows].astype(np.float64) @ queries.T
        mine = np.flatnonzero(own[rows] >= 0)
        left_out = own[rows][mine]
        scores[mine, left_out] = -np.inf
        counted = np.full(len(scores), shares.sum())
        counted[mine] -= shares[left_out]
        found[rows] = rule(scores, counted)
    return found
