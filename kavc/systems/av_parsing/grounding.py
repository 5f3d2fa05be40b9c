"""Which segments of a video belong together: the truth that grounding is pretrained on.

Each video is a graph of its segments. Two that look or sound alike are joined, and all that hangs
together is a group.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from kavc.errors import ConfigError, DataError

RULES = ("or", "and")
EPSILON = 1e-6  # least norm, in the published code


def grounding_graph(
    visual: np.ndarray,
    audio: np.ndarray,
    *,
    visual_threshold: float = 0.96,
    audio_threshold: float = 0.99,
    rule: str = "and",
    silence: np.ndarray | None = None,
    silence_threshold: float = 0.99,
) -> np.ndarray:
    """Returns which segments of each video are in one group: those that edges join, however far.

    Similarity is the cosine, as in the published code. A segment is joined to a later one if

        "and"   both are more alike than the thresholds (the published code)
        "or"    one of them is at least as alike as its threshold (the paper)

    and the earlier one isn't silent.

    Args:
        visual: (videos, segments, width) features of the pictures, or those of one video.
        audio: (videos, segments, width) features of the sounds, likewise.
        visual_threshold, audio_threshold: in -1 to 1; of the published code. The paper gives none.
        rule: "and" or "or".
        silence: (width,) audio features of silence; None where nothing counts as silent.
        silence_threshold: segments that are more like silence than this are silent.

    Returns:
        (videos, segments, segments) bool, symmetric, True on the diagonal; or that of one video.

    Raises:
        ConfigError: the rule is none of these, or a threshold is out of range.
        DataError: shapes don't fit, or features aren't finite.

    Reference:
        Lamba et al., 2021, Algorithm 1.

    Example:
        >>> import numpy as np
        >>> pictures = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
        >>> grounding_graph(pictures, pictures, audio_threshold=0.9).astype(int)
        array([[1, 1, 0],
               [1, 1, 0],
               [0, 0, 1]])
    """
    if rule not in RULES:
        raise ConfigError(f"the rule must be one of {', '.join(RULES)}; not {rule!r}")
    for name, value in (
        ("visual_threshold", visual_threshold),
        ("audio_threshold", audio_threshold),
        ("silence_threshold", silence_threshold),
    ):
        if not -1 <= value <= 1:
            raise ConfigError(f"{name} is a cosine, from -1 to 1; not {value}")
    visual, audio = np.asarray(visual), np.asarray(audio)
    alone = visual.ndim == audio.ndim == 2
    videos = (visual[None], audio[None]) if alone else (visual, audio)
    _check(*videos, silence)
    seen, heard = (similarities(each) for each in videos)
    if rule == "and":
        joined = (seen > visual_threshold) & (heard > audio_threshold)
    else:
        joined = (seen >= visual_threshold) | (heard >= audio_threshold)
    if silence is not None:
        joined &= ~silent(videos[1], silence, silence_threshold)[:, :, None]
    groups = _connected(np.triu(joined, 1))
    return groups[0] if alone else groups


def similarities(features: np.ndarray) -> np.ndarray:
    """Returns the cosines of a video's segments: (videos, segments, segments), of (..., width).

    Example:
        >>> similarities(np.array([[[3.0, 0.0], [0.0, 2.0], [5.0, 0.0]]])).tolist()
        [[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]]
    """
    unit = _unit(features)
    return unit @ unit.transpose(0, 2, 1)


def silent(audio: np.ndarray, silence: np.ndarray, threshold: float = 0.99) -> np.ndarray:
    """Returns which segments are like silence.

    Args:
        audio: (videos, segments, width).
        silence: (width,).
        threshold: what is more alike than this is silent; of the published code.

    Returns:
        (videos, segments) bool.

    Reference:
        Published code of Lamba et al., 2021.

    Example:
        >>> silent(np.array([[[2.0, 0.0], [1.0, 1.0]]]), np.array([1.0, 0.0])).tolist()
        [[True, False]]
    """
    return _unit(audio) @ _unit(np.asarray(silence)) > threshold


def quantiles(features: np.ndarray, share: float) -> float:
    """Returns the cosine that a share of all pairs of segments of one video don't exceed.

    What counts as alike differs from one network's features to another's: thresholds of the
    published code join nothing, or everything, of features that are not VGGish's and ResNet's.

    Args:
        features: (videos, segments, width).
        share: in 0 to 1.

    Example:
        >>> features = np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
        >>> quantiles(features, 0.5), quantiles(features, 1.0)
        (0.0, 1.0)
    """
    first, second = np.triu_indices(features.shape[1], 1)
    return float(np.quantile(similarities(features)[:, first, second], share))


def check_groups(groups: np.ndarray) -> None:
    """Refuses groups from which nothing can be learnt.

    Args:
        groups: (videos, segments, segments) bool, as `grounding_graph` gives them.

    Raises:
        DataError: no segment is joined to another one, or all are in one group.

    Example:
        >>> check_groups(np.array([[[1, 1, 0], [1, 1, 0], [0, 0, 1]]], bool))
        >>> check_groups(np.eye(3, dtype=bool)[None])
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: the graph is empty: no two segments of a video are as ...
    """
    if groups.all():
        raise DataError(
            "the graph joins all segments of every video: nothing is left to tell apart; raise the "
            "thresholds of grounding"
        )
    if groups.sum() == groups.shape[0] * groups.shape[1]:
        raise DataError(
            "the graph is empty: no two segments of a video are as alike as the thresholds of "
            "grounding ask, so there is nothing to draw together; lower them"
        )


def _check(visual: np.ndarray, audio: np.ndarray, silence: np.ndarray | None) -> None:
    if visual.ndim != 3 or audio.ndim != 3 or visual.shape[:2] != audio.shape[:2]:
        raise DataError(
            "the graph needs pictures and sounds of the same videos and segments, (videos, "
            f"segments, width) each; not {visual.shape} and {audio.shape}"
        )
    if not (np.isfinite(visual).all() and np.isfinite(audio).all()):
        raise DataError("the graph needs finite features; some are NaN or infinite")
    if silence is not None and np.shape(silence) != audio.shape[2:]:
        raise DataError(
            f"silence must be one vector of the audio features' width, {audio.shape[2:]}; not "
            f"{np.shape(silence)}"
        )


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), EPSILON)


def _connected(joined: np.ndarray) -> np.ndarray:
    """Returns which nodes hang together, of the edges (videos, nodes, nodes) of many graphs."""
    videos, nodes, _ = joined.shape
    video, first, second = np.nonzero(joined)
    edges = (np.ones(len(video)), (video * nodes + first, video * nodes + second))
    size = videos * nodes
    _, label = connected_components(csr_matrix(edges, shape=(size, size)), directed=False)
    label = label.reshape(videos, nodes)
    return label[:, :, None] == label[:, None, :]
