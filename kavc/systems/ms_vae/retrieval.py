"""Retrieval among segments of the test videos: one of each, drawn from its event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kavc.metrics.reciprocal_rank import chance_reciprocal_rank, reciprocal_ranks
from kavc.systems.ms_vae.scoring import Coded, Codes, Space, distances
from kavc.systems.ms_vae.videos import MODALITIES, Videos

TASKS = {  # query's and database's modality
    "A-A": ("audio", "audio"),
    "A-V": ("audio", "visual"),
    "V-A": ("visual", "audio"),
    "V-V": ("visual", "visual"),
}
SEED = 0  # of the draws, the same for all networks


def draw_segments(videos: Videos, draws: int, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """Draws a segment of the event of each video that has one.

    Args:
        videos: of the split.
        draws: how many times.
        seed: of chance.

    Returns:
        Rows of the videos, (n,), and segments, (draws, n).

    Reference:
        Zhu et al., 2021, section 3.3.

    Example:
        >>> event = np.array([[False, True, False], [False, False, False]])
        >>> features = np.zeros((2, 3, 1))
        >>> videos = Videos(np.array([b"a", b"b"]), features, features, event, np.array([0, 0]))
        >>> rows, segments = draw_segments(videos, draws=2)
        >>> rows.tolist(), segments.tolist()  # of the only event's only segment
        ([0], [[1], [1]])
    """
    rows = np.flatnonzero(videos.event.any(axis=1))
    rng = np.random.default_rng(seed)
    # The k-th segment of an event, whichever these are.
    counts = videos.event[rows].sum(axis=1)
    order = np.argsort(~videos.event[rows], axis=1, kind="stable")
    chosen = (rng.random((draws, len(rows))) * counts).astype(int)
    return rows, np.stack([order[np.arange(len(rows)), each] for each in chosen])


def mean_reciprocal_ranks(
    coded: Coded, segments: np.ndarray, rows: np.ndarray, spaces: Sequence[Space]
) -> dict[str, np.ndarray]:
    """Returns the reciprocal rank of each query, (queries,) float64, by task.

    Args:
        coded: test videos.
        segments: (queries,), one of each video.
        rows: (queries,) of the videos.
        spaces: what distances are made of.

    Reference:
        Zhu et al., 2021, section 3.3.
    """
    codes = _drawn(coded, rows, segments)
    labels = coded.videos.label[rows]
    return {
        task: reciprocal_ranks(
            distances(codes[query], codes[database], spaces),
            labels,
            labels,
            without_self=query == database,
        )
        for task, (query, database) in TASKS.items()
    }


def published_reciprocal_ranks(
    coded: Coded, segments: np.ndarray, rows: np.ndarray, spaces: Sequence[Space]
) -> dict[str, np.ndarray]:
    """Returns what the published script computes in place of reciprocal ranks, by task.

    Within a modality it takes the query out of the scores and leaves its label, so that what comes
    after it in the database is judged by its neighbour's label. Sounds are not ranked against
    pictures at all: the ranking of the last picture among pictures stands for each of them.

    Args: as `mean_reciprocal_ranks`.

    Reference:
        Published code of Zhu et al., 2021.
    """
    codes = _drawn(coded, rows, segments)
    labels = coded.videos.label[rows]
    found: dict[str, np.ndarray] = {}
    order = np.zeros(0, int)
    for task in ("V-A", "A-A", "V-V", "A-V"):
        query, database = TASKS[task]
        between = distances(codes[query], codes[database], spaces)
        values = np.zeros(len(rows))
        for at in range(len(rows)):
            if task != "A-V":
                scores = np.delete(between[at], at) if query == database else between[at]
                order = np.argsort(scores, kind="stable")
            hits = np.flatnonzero(labels[order] == labels[at])
            values[at] = 1 / (1 + hits[0]) if len(hits) else 0.0
        found[task] = values
    return {task: found[task] for task in TASKS}


def chances(labels: np.ndarray) -> dict[str, float]:
    """Returns the mean reciprocal rank of a random order, by task.

    Args:
        labels: (queries,) categories.

    Example:
        >>> {task: round(value, 3) for task, value in chances(np.array([0, 0, 1, 1])).items()}
        {'A-A': 0.611, 'A-V': 0.722, 'V-A': 0.722, 'V-V': 0.611}
    """
    _, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
    alike = counts[which]
    within = float(chance_reciprocal_rank(alike - 1, len(labels) - 1).mean())
    across = float(chance_reciprocal_rank(alike, len(labels)).mean())
    return {task: within if a == b else across for task, (a, b) in TASKS.items()}


def _drawn(coded: Coded, rows: np.ndarray, segments: np.ndarray) -> Mapping[str, Codes]:
    return {
        kind: {name: x[rows, segments] for name, x in getattr(coded, kind).items()}
        for kind in MODALITIES
    }
