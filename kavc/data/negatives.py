"""Mismatched pairs within a batch, as the cross-modal embedding draws them.

Each row becomes a negative or stays as it is; a negative keeps its picture and gets the sound of
another row of the same batch.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse

TRIES = 100  # draws of a partner without a common label before any other row is taken


def draw_negatives(
    labels: scipy.sparse.csr_matrix,
    share: float,
    rng: np.random.Generator,
    *,
    draw: str = "exact",
    disjoint_labels: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Decides for the rows of one batch which are negatives, and whose sound these get.

    Args:
        labels: (batch, classes) bool, sparse.
        share: share of the rows that become negatives, in [0, 1]; 0.6 in the paper.
        rng: source of chance.
        draw: "exact": that share of the rows, rounded; "bernoulli": each row on its own with that
            probability, as the published code does.
        disjoint_labels: whether partners are drawn until they share no label with the row, as the
            published code does; there without end, here so many times, then any other row.

    Returns:
        (batch,) int64, the row whose sound each row uses, and (batch,) bool, which are negatives.

    Reference:
        Surís et al., 2018, section 3.1, of the share.

    Example:
        >>> labels = scipy.sparse.csr_matrix(np.eye(5, dtype=bool))
        >>> sounds, negative = draw_negatives(labels, 0.6, np.random.default_rng(0))
        >>> int(negative.sum()), bool(np.all(sounds[negative] != np.arange(5)[negative]))
        (3, True)
    """
    count = labels.shape[0]
    rows = np.arange(count)
    if draw == "bernoulli":
        negative = rng.random(count) < share
    else:
        negative = np.isin(rows, rng.permutation(count)[: round(share * count)])
    if count < 2:
        return rows, np.zeros(count, bool)
    partner = _others(rows, count, rng)
    if disjoint_labels:
        counts = labels.astype(np.int32)
        common = (counts @ counts.T).toarray() > 0
        for _ in range(TRIES):
            again = np.flatnonzero(negative & common[rows, partner])
            if not len(again):
                break
            partner[again] = _others(again, count, rng)
    return np.where(negative, partner, rows), negative


def _others(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws for each row another one of `count`, all equally likely."""
    return (rows + rng.integers(1, count, len(rows))) % count
