"""Exact search on the CPU: blocks of scores by BLAS, of which few survive a threshold.

After the first block only scores above a query's worst kept one are looked at again. That is far
less work than to partition every block, and ties are broken by position, which a partition doesn't.
So a search takes little longer than its products (benchmarks/index_search.py).
"""

from __future__ import annotations

import numpy as np

# Vectors whose scores are held at a time. What is not products, a merge mostly, comes once a block:
# some 8% over the products of 64 queries, 16% with a quarter of it; larger ones save little more.
BLOCK = 16_384
QUERIES = 128  # queries, likewise: 8 MiB of scores
SAMPLED = 16  # scores per wanted one that the first threshold is taken from


def exact_search(
    queries: np.ndarray,
    vectors: np.ndarray,
    k: int,
    *,
    bias: np.ndarray | None = None,
    block: int = BLOCK,
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the `k` vectors with the largest scores for each query: `<query, vector> - bias`.

    Memory beyond the answer is that of 128 times `block` scores, whatever the sizes, a quarter of
    it for what is compared, and some 50 bytes for each score of a block that beats what is kept:
    few, unless vectors are equal or come in ascending order. `vectors` may lie on disk.

    Args:
        queries: `(n, dim) float32`, finite.
        vectors: `(size, dim) float32`, finite.
        k: from 1 to `size`.
        bias: `(size,) float32`, finite, what is taken off all scores of a vector; None for nothing.
        block: vectors that are scored at a time; at least `k` are.

    Returns:
        Positions `(n, k) int64` and scores `(n, k) float32`, best first; of equal scores, the
        lower position first.

    Example:
        >>> positions, scores = exact_search(np.eye(2, 3), np.eye(3), 2)
        >>> positions.tolist(), scores.tolist()
        ([[0, 1], [1, 0]], [[1.0, 0.0], [1.0, 0.0]])
    """
    starts = range(0, len(queries), QUERIES)
    parts = [_search(queries[s : s + QUERIES], vectors, k, bias, max(block, k)) for s in starts]
    positions, scores = zip(*parts, strict=True)
    return np.concatenate(positions), np.concatenate(scores)


def _search(
    queries: np.ndarray, vectors: np.ndarray, k: int, bias: np.ndarray | None, block: int
) -> tuple[np.ndarray, np.ndarray]:
    positions = np.empty((len(queries), 0), np.int64)
    best = np.empty((len(queries), 0), np.float32)
    # Kept from block to block: for new ones the system would have to find memory again each time.
    room = np.empty(len(queries) * min(block, len(vectors)), np.float32)
    for start in range(0, len(vectors), block):
        part = vectors[start : start + block]
        scores = room[: len(queries) * len(part)].reshape(len(queries), len(part))
        np.matmul(queries, part.T, out=scores)
        if bias is not None:
            scores -= bias[start : start + block]
        # Later ones that equal the worst kept stand behind it.
        found = scores > best[:, -1:] if start else scores >= _least(scores, k)
        # Flat: NumPy's search in two dimensions takes twenty times as long.
        row, column = np.divmod(np.flatnonzero(found), len(part))
        if row.size:
            positions, best = _merged(positions, best, row, column + start, scores[row, column], k)
    return positions, best


def _least(scores: np.ndarray, k: int) -> np.ndarray:
    """Returns `(n, 1)` scores that at least `k` of a row reach, and few more.

    These are the `k`-th of the maxima over sets that share no score: far fewer to partition.
    """
    each = max(1, scores.shape[1] // (SAMPLED * k))
    whole = scores[:, : scores.shape[1] // each * each]
    maxima = whole.reshape(len(scores), each, -1).max(axis=1)
    return np.partition(maxima, -k, axis=1)[:, -k, None]


def _merged(
    positions: np.ndarray,
    best: np.ndarray,
    row: np.ndarray,
    position: np.ndarray,
    score: np.ndarray,
    k: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the best of what was held and what was found, by row."""
    rows = np.arange(len(best))
    row = np.concatenate([np.repeat(rows, best.shape[1]), row])
    position = np.concatenate([positions.ravel(), position])
    score = np.concatenate([best.ravel(), score])
    order = np.lexsort((position, -score, row))
    first = np.searchsorted(row[order], rows)
    kept = order[first[:, None] + np.arange(k)]
    return position[kept], score[kept]
