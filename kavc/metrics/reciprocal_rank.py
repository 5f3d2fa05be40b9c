"""Mean reciprocal rank: how far down the first relevant item of a ranking is."""

from __future__ import annotations

import numpy as np


def reciprocal_ranks(
    distances: np.ndarray,
    query_labels: np.ndarray,
    gallery_labels: np.ndarray,
    *,
    without_self: bool = False,
) -> np.ndarray:
    """Returns one over the rank of the first item of the query's label, 0 where there is none.

    Args:
        distances: (queries, items) floats; the nearest item is first, of equals the first.
        query_labels: (queries,) integers.
        gallery_labels: (items,) integers.
        without_self: whether item i is the query i itself, and is left out.

    Returns:
        (queries,) float64.

    Raises:
        ValueError: shapes don't fit, or a distance is NaN.

    Reference:
        Voorhees, 1999; Zhu et al., 2021, section 3.3.

    Example:
        >>> distances = np.array([[0.1, 0.2, 0.3], [0.2, 0.1, 0.3]])
        >>> reciprocal_ranks(distances, np.array([0, 1]), np.array([1, 0, 1]))
        array([0.5, 0.5])
    """
    distances = np.asarray(distances)
    relevant = np.asarray(query_labels)[:, None] == np.asarray(gallery_labels)
    if distances.shape != relevant.shape or (without_self and relevant.shape[0] != len(relevant.T)):
        raise ValueError(f"distances {distances.shape} of {relevant.shape} queries and items")
    if np.isnan(distances).any():
        raise ValueError("distances must not be NaN")
    if without_self:
        relevant = relevant & ~np.eye(len(relevant), dtype=bool)
    # Nothing is sorted: before the nearest relevant item are those that are nearer, and equals that
    # come first.
    nearest = np.where(relevant, distances, np.inf)
    first = np.argmin(nearest, axis=1)[:, None]
    least = np.take_along_axis(nearest, first, axis=1)
    earlier = np.arange(distances.shape[1]) < first
    before = (distances < least) | ((distances == least) & earlier)
    if without_self:
        before &= ~np.eye(len(before), dtype=bool)
    return np.where(relevant.any(axis=1), 1 / (1 + before.sum(axis=1)), 0.0)


def chance_reciprocal_rank(relevant: np.ndarray, items: np.ndarray | int) -> np.ndarray:
    """Returns the expected reciprocal rank in a random order.

    Args:
        relevant: (queries,) number of relevant items of each.
        items: number of items that are ranked, of each or of all.

    Returns:
        (queries,) float64; 0 where nothing is relevant.

    Example:
        >>> chance_reciprocal_rank(np.array([1, 3]), 3).round(4)
        array([0.6111, 1.    ])
    """
    relevant, items = np.broadcast_arrays(np.asarray(relevant), np.asarray(items))
    ranks = np.arange(1, int(items.max(initial=0)) + 1)
    expected = np.zeros(relevant.shape)
    for at, (k, n) in enumerate(zip(relevant.ravel(), items.ravel(), strict=True)):
        if k:
            # P(first relevant at r) = (k / (n - r + 1)) * P(none before).
            places = ranks[: n - k + 1]
            left = n - places + 1
            none = np.concatenate([[1.0], np.cumprod(1 - k / left[:-1])])
            expected.flat[at] = np.sum(none * k / left / places)
    return expected
