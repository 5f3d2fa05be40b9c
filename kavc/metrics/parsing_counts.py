"""What is right and wrong in audio-visual video parsing, counted, and F-scores of such counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError


class Counts(NamedTuple):
    """Counts of segments or of events, from which every F-score is made.

    Args:
        hits: `(videos, 3, classes)` integers: true positives of audio, visual, audio-visual.
        errors: the same of false positives and false negatives together.

    Example:
        >>> counts = Counts(np.array([[[1], [0], [0]]]), np.array([[[2], [0], [0]]]))
        >>> counts.per_video().tolist(), counts.per_class().tolist()
        ([[0.5, 1.0, 1.0, 0.5]], [[0.5], [nan], [nan]])
    """

    hits: np.ndarray
    errors: np.ndarray

    def per_video(self) -> np.ndarray:
        """Mean F-score over the classes of each video, `(videos, 4) float64` in [0, 1].

        Streams are audio, visual, audio-visual and "all", in which hits and errors of audio and
        visual are added and audio-visual has no part. A class counts where it is predicted or
        true; where none is, the score is 1.

        Reference:
            Published evaluation of Tian et al., ECCV 2020.
        """
        scores = f_scores(*(np.insert(x, 3, x[:, 0] + x[:, 1], axis=1) for x in self))
        counted = ~np.isnan(scores)
        classes = counted.sum(axis=-1)
        total = np.where(counted, scores, 0).sum(axis=-1)
        return np.divide(total, classes, out=np.ones_like(total), where=classes > 0)

    def per_class(self) -> np.ndarray:
        """F-score of each class over all videos, `(3, classes) float64`; NaN where it has none."""
        return f_scores(self.hits.sum(axis=0), self.errors.sum(axis=0))


def f_scores(hits: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """2 TP / (2 TP + FP + FN), of the inputs' shape, float64; NaN where that is 0 / 0.

    Example:
        >>> f_scores(np.array([2, 0, 0]), np.array([4, 1, 0]))
        array([0.5, 0. , nan])
    """
    doubled = 2 * hits
    total = doubled + errors
    return np.divide(doubled, total, out=np.full(total.shape, np.nan), where=total > 0)


def segment_counts(predicted: np.ndarray, truth: np.ndarray) -> Counts:
    """Counts segments of masks as `three_streams` gives them.

    Example:
        >>> truth = three_streams("truth", np.ones((1, 10, 2, 1)))
        >>> segment_counts(truth, truth).hits.tolist()
        [[[10], [10], [10]]]
    """
    hits, errors = (x.sum(axis=1, dtype=np.int32) for x in (predicted & truth, predicted ^ truth))
    return Counts(hits, errors)


def three_streams(name: str, masks: ArrayLike) -> np.ndarray:
    """Checks masks and completes them.

    Args:
        name: what messages call them.
        masks: `(videos, segments, streams, classes)`, bool or numbers; what is not exactly 1 is no
            event. Streams are audio, visual, and audio-visual or else the product of the two.

    Returns:
        `(videos, segments, 3, classes) bool`.

    Raises:
        DataError: `masks` have another shape, or hold no real numbers.

    Example:
        >>> heard_then_both = np.array([[1, 0], [1, 1]]).reshape(1, 2, 2, 1)
        >>> three_streams("truth", heard_then_both)[0, ..., 0].tolist()
        [[True, False, False], [True, True, True]]
    """
    masks = np.asarray(masks)
    if masks.ndim != 4 or masks.shape[2] not in (2, 3) or masks.dtype.kind not in "buif":
        raise DataError(
            f"{name}: expected numbers (videos, segments, 2 or 3 streams, classes), got "
            f"{masks.dtype} {masks.shape}"
        )
    events = masks if masks.dtype == bool else masks == 1
    if events.shape[2] == 3:
        return events
    return np.insert(events, 2, events[:, :, 0] & events[:, :, 1], axis=2)


def check_pair(predicted: ArrayLike, truth: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns `three_streams` of both.

    Raises:
        DataError: see `three_streams`; or the shapes differ.

    Example:
        >>> predicted, truth = check_pair(np.ones((1, 10, 2, 25)), np.ones((1, 10, 2, 25)))
        >>> predicted.shape, predicted.dtype
        ((1, 10, 3, 25), dtype('bool'))
    """
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    both = three_streams("predicted", predicted), three_streams("truth", truth)
    if predicted.shape != truth.shape:
        raise DataError(
            f"predicted {predicted.shape} and truth {truth.shape}: expected the same shape"
        )
    return both
