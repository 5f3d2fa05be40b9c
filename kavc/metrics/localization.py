"""Cross-modal localisation: where in one modality of a video happens what is given in the other.

Of the query, l segments from onset s on, each window of l segments in the other modality has a
cost, the sum of the distances of segments at the same place; the cheapest is the answer. It counts
if it is exactly where the query was taken from.
"""

from __future__ import annotations

import numpy as np


def window_costs(distances: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns the cost of each window: inf where it would leave the video.

    Args:
        distances: (videos, segments, segments) floats; [v, i, j] of segment i of the query's
            modality and j of the other one.
        starts, lengths: (videos,) integers of the query, 1 to `segments` long.

    Returns:
        (videos, segments), of the dtype of `distances`; [v, t] of the window from t on.

    Raises:
        ValueError: a query leaves its video, or has no segment.

    Reference:
        Tian et al., "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018, section
        3.4; Zhu et al., 2021, section 3.2.

    Example:
        >>> distances = np.array([[[3.0, 1.0, 2.0], [1.0, 0.0, 5.0], [2.0, 2.0, 2.0]]])
        >>> window_costs(distances, np.array([0]), np.array([2]))
        array([[ 3.,  6., inf]])
    """
    distances, starts, lengths = (np.asarray(x) for x in (distances, starts, lengths))
    segments = distances.shape[1]
    if (lengths < 1).any() or (starts < 0).any() or (starts + lengths > segments).any():
        raise ValueError(f"each query has 1 to {segments} segments of its video")
    windows, within = np.arange(segments)[:, None], np.arange(segments)
    query = np.minimum(starts[:, None] + within, segments - 1)
    other = np.minimum(windows + within, segments - 1)
    videos = np.arange(len(distances))[:, None, None]
    pairs = distances[videos, query[:, None], other[None]]
    costs = np.where(within < lengths[:, None, None], pairs, 0).sum(axis=-1)
    return np.where(windows[:, 0] <= segments - lengths[:, None], costs, np.inf)


def localize(distances: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns the onset of the cheapest window of each video, the first of equals: (videos,).

    Args, raises: as `window_costs`.

    Reference:
        Tian et al., ECCV 2018, section 3.4.

    Example:
        >>> distances = np.array([[[3.0, 1.0, 2.0], [1.0, 0.0, 5.0], [2.0, 2.0, 2.0]]])
        >>> localize(distances, np.array([0]), np.array([1]))
        array([1])
    """
    return np.argmin(window_costs(distances, starts, lengths), axis=1)


def localization_scores(
    distances: np.ndarray, starts: np.ndarray, lengths: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns which queries are found exactly, in both directions.

    Args:
        distances: (videos, segments, segments); [v, i, j] of audio segment i and visual segment j.
        starts, lengths: as of `window_costs`.

    Returns:
        dict of "a2v", where the audio event is found in the pictures, and "v2a": (videos,) bool.

    Reference:
        Tian et al., ECCV 2018, section 3.4.

    Example:
        >>> distances = np.array([[[0.0, 1.0], [0.5, 0.6]]])
        >>> found = localization_scores(distances, np.array([1]), np.array([1]))
        >>> {name: exact.tolist() for name, exact in found.items()}
        {'a2v': [False], 'v2a': [True]}
    """
    starts = np.asarray(starts)
    return {
        "a2v": localize(distances, starts, lengths) == starts,
        "v2a": localize(np.swapaxes(distances, 1, 2), starts, lengths) == starts,
    }


def localization_chance(lengths: np.ndarray, segments: int = 10) -> float:
    """Returns the share of queries that a guess finds: the mean of `1 / (segments + 1 - l)`.

    Args:
        lengths: (videos,) of the queries.
        segments: of a video.

    Example:
        >>> round(localization_chance(np.array([1, 9, 10])), 4)
        0.5333
    """
    return float(np.mean(1 / (segments + 1 - np.asarray(lengths))))
