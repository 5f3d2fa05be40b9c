"""Whose labels are heard, whose seen: labels of videos refined by exchanging their tracks.

A trained network hears a video's sound with the pictures of another one that has no label in
common, and the reverse. A label that it finds in neither track then is dropped from the targets of
the modality that was kept; the video keeps it.

Reference:
    Wu and Yang, "Exploring Heterogeneous Clues for Weakly-Supervised Audio-Visual Video Parsing",
    CVPR 2021, section 3.3, and published code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kavc.data.ids import shown
from kavc.errors import ConfigError, DataError

AUDIO, VISUAL = 0, 1


def refine_labels(
    labels: np.ndarray,
    own: np.ndarray,
    with_other_visual: np.ndarray,
    with_other_audio: np.ndarray,
    *,
    threshold: float = 0.5,
) -> np.ndarray:
    """Returns the labels that each modality keeps.

    The worse a class is learnt, the higher is its bar: `threshold` times its errors in a modality,
    of the worst class's. A label goes if both tracks say less than that, strictly.

    Args:
        labels: (videos, classes), 0 or 1.
        own: (videos, 2, classes) probabilities of either modality, audio first, of the videos as
            they are.
        with_other_visual: likewise, each sound with pictures of another video.
        with_other_audio: likewise, the pictures with another sound.
        threshold: in 0 to 1; one half in the published code.

    Returns:
        (videos, 2, classes) bool, audio first.

    Raises:
        ConfigError: the threshold is out of range.
        DataError: shapes don't fit.

    Reference:
        Wu and Yang, "Exploring Heterogeneous Clues for Weakly-Supervised Audio-Visual Video
        Parsing", CVPR 2021; published code.

    Example:
        >>> import numpy as np
        >>> own = np.array([[[0.9, 0.2], [0.2, 0.9]]])
        >>> refine_labels(np.array([[1, 1]]), own, own, own).astype(int)
        array([[[1, 1],
                [1, 1]]])
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"the threshold of refinement must lie in 0 to 1; not {threshold}")
    labels = np.asarray(labels) > 0
    videos, classes = labels.shape
    given = {
        "own": own, "with_other_visual": with_other_visual, "with_other_audio": with_other_audio,
    }  # fmt: skip
    for name, found in given.items():
        if np.shape(found) != (videos, 2, classes):
            raise DataError(
                f"{name!r} must be {(videos, 2, classes)}, as the labels are; not {np.shape(found)}"
            )
    bar = threshold * relative_errors(labels, own)
    dropped = np.stack(
        [
            (np.asarray(found) < bar[modality]).all(axis=1)
            for modality, found in ((AUDIO, with_other_visual), (VISUAL, with_other_audio))
        ],
        axis=1,
    )
    return labels[:, None] & ~dropped


def relative_errors(labels: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Returns each class's share of errors in a modality, as a part of the worst class's.

    Args:
        labels: (videos, classes) bool.
        own: (videos, 2, classes) probabilities.

    Returns:
        (2, classes); 0 where no class has any.

    Reference:
        Published code of Wu and Yang, CVPR 2021.

    Example:
        >>> own = np.array([[[0.9, 0.1], [0.9, 0.9]], [[0.9, 0.9], [0.9, 0.1]]])
        >>> relative_errors(np.ones((2, 2), bool), own).tolist()
        [[0.0, 1.0], [0.0, 1.0]]
    """
    errors = ((np.asarray(own) > 0.5) != labels[:, None]).mean(axis=0)
    worst = errors.max(axis=1, keepdims=True)
    return errors / np.where(worst > 0, worst, 1)


def partners(labels: np.ndarray, ids: Sequence[bytes], seed: int) -> np.ndarray:
    """Draws a video without any label in common for each video.

    Args:
        labels: (videos, classes), 0 or 1.
        ids: (videos,) bytes, for the message.
        seed: of the draw.

    Returns:
        (videos,) int64, rows.

    Raises:
        DataError: a video has no label, or has one in common with every other video.

    Reference:
        Published code of Wu and Yang, CVPR 2021.

    Example:
        >>> partners(np.array([[1, 0], [0, 1], [1, 0]]), [b"a", b"b", b"c"], seed=0)[:1].tolist()
        [1]
        >>> partners(np.array([[1, 0], [1, 1]]), [b"a", b"b"], seed=0)
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: video 'a' has a label in common with every other video: ...
    """
    check_strangers(labels, ids)
    labels = np.asarray(labels, np.float32)
    rng = np.random.default_rng(seed)
    return np.array([rng.choice(np.flatnonzero(labels @ own == 0)) for own in labels])


def check_strangers(labels: np.ndarray, ids: Sequence[bytes]) -> None:
    """Refuses videos of which one has a label in common with every other one.

    Args, raises: as of `partners`.
    """
    labels = np.asarray(labels, np.float32)
    for row, own in enumerate(labels):
        if not own.any():
            raise DataError(
                f"video {shown(ids[row])!r} has no label, so none of it can be refined; leave it "
                "out by a splits file (--splits)"
            )
        if (labels @ own > 0).all():
            raise DataError(
                f"video {shown(ids[row])!r} has a label in common with every other video: no "
                "track can be exchanged with it; leave it out by a splits file (--splits)"
            )
