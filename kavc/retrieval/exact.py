"""Exact search on the CPU: blocks of scores by BLAS, of which few survive a threshold.

After the first block only scores above a query's worst kept one are looked at again. That is far
less work than to partition every block, and ties are broken by position, which a partition doesn't.
"""

from __future__ import annotations

import numpy as np

BLOCK = 16_384  # vectors whose scores are held at a time
QUERIES = 128  # queries, likewise: 8 MiB of scores


def exact_search(
    queries: np.ndarray, vectors: np.ndarray, k: int, *, block: int = BLOCK
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the `k` vectors with the largest dot products with each query.

    Memory beyond the answer is that of 128 times `block` scores, whatever the sizes; `vectors` may
    lie on disk.

    Args:
        queries: `(n, dim) float32`, finite.
        vectors: `(size, dim) float32`, finite.
        k: from 1 to `size`.
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
    parts = [_search(queries[s : s + QUERIES], vectors, k, max(block, k)) for s in starts]
    positions, scores = zip(*parts, strict=True)
    return np.concatenate(positions), np.concatenate(scores)


def _search(
    queries: np.ndarray, vectors: np.ndarray, k: int, block: int
) -> tuple[np.ndarray, np.ndarray]:
    positions = np.empty((len(queries), 0), np.int64)
    best = np.empty((len(queries), 0), np.float32)
    for start in range(0, len(vectors), block):
        scores = queries @ vectors[start : start + block].T
        if start:
            found = scores > best[:, -1:]  # an equal one stands behind those of lower positions
        else:
            found = scores >= np.partition(scores, -k, axis=1)[:, -k, None]
        row, column = np.nonzero(found)
        if row.size:
            positions, best = _merged(positions, best, row, column + start, scores[found], k)
    return positions, best


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
