"""Runs of segments in which something is so, one after another."""

from __future__ import annotations

import numpy as np


def runs(mask: np.ndarray) -> list[tuple[int, int, int]]:
    """Returns the longest runs of ones, class by class.

    Args:
        mask: (segments, classes) bool.

    Returns:
        Class, first segment and the one after the last, of each run.

    Example:
        >>> runs(np.array([[1, 0], [1, 0], [0, 1], [1, 0]], bool))
        [(0, 0, 2), (0, 3, 4), (1, 2, 3)]
    """
    edges = np.diff(np.pad(mask.T.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    labels, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    return list(zip(labels.tolist(), starts.tolist(), ends.tolist(), strict=True))
