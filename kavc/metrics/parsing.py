"""Audio-visual video parsing: which events are heard, seen or both, and when.

The evaluation that was published with LLP (Tian et al., 2020), exactly. Masks and probabilities
are `(videos, segments, streams, classes)`, streams are audio, visual and, where a mask has three,
audio-visual; with two, audio-visual is their product. Scores of a level, segment or event, are:

- audio, visual, audio_visual: F-score of each class in each video, its mean over the classes that
  are predicted or true there (1 if none is), and the mean over videos;
- type_at_av: mean of these three;
- event_at_av: the same with audio's and visual's counts added, without audio-visual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError, unknown
from kavc.metrics.parsing_counts import Counts, check_pair, segment_counts, three_streams
from kavc.metrics.parsing_events import IOU, event_counts, event_numbers

THRESHOLD = 0.5  # of the published evaluation
LEVELS: dict[str, Callable[[np.ndarray, np.ndarray], Counts]] = {
    "segment": segment_counts,
    "event": event_counts,
}


def predictions(
    segment_probability: ArrayLike,
    gate: ArrayLike | None = None,
    threshold: ArrayLike = THRESHOLD,
    gate_threshold: ArrayLike | None = None,
) -> np.ndarray:
    """Decides what is predicted: probabilities at or above a threshold, in float32 as published.

    Args:
        segment_probability: `(videos, segments, 2, classes)`.
        gate: probability of each class in the whole video, to reach a threshold for any segment to
            count: `(videos, classes)`, one for both modalities (Tian et al., 2020),
            `(videos, 2, classes)`, one for each (Wu and Yang, 2021), or None.
        threshold: one number, or `(classes,)`; of the segments.
        gate_threshold: likewise, of the gate. None for the segments', as published.

    Returns:
        `(videos, segments, 2, classes) bool`.

    Raises:
        DataError: a shape doesn't fit, or a value is NaN.

    Example:
        >>> predictions([[[[0.5, 0.9], [0.4, 0.6]]]], gate=[[0.7, 0.2]])[0, 0].tolist()
        [[True, False], [False, False]]
    """
    segment = _numbers("segment_probability", segment_probability)
    if segment.ndim != 4 or segment.shape[2] != 2:
        raise DataError(
            f"segment_probability {segment.shape}: expected (videos, segments, 2, classes)"
        )
    videos, _, _, classes = segment.shape
    found = segment >= _level("threshold", threshold, classes)
    if gate is None:
        return found
    whole = _numbers("gate", gate)
    if whole.shape not in ((videos, classes), (videos, 2, classes)):
        raise DataError(
            f"gate {whole.shape}: expected ({videos}, {classes}) or ({videos}, 2, {classes})"
        )
    streams = 1 if whole.ndim == 2 else 2
    least = threshold if gate_threshold is None else gate_threshold
    open_ = whole.reshape(videos, 1, streams, classes) >= _level("gate_threshold", least, classes)
    return found & open_


def _level(name: str, threshold: ArrayLike, classes: int) -> np.ndarray:
    level = _numbers(name, threshold)
    if level.shape not in ((), (classes,)):
        raise DataError(f"{name} {level.shape}: expected a number or ({classes},)")
    return level


def exclusive(masks: ArrayLike) -> np.ndarray:
    """What is audible only and what is visible only, to be scored as audio and visual.

    Nothing is both, so that the audio-visual scores of these masks are 1 and say nothing.

    Args:
        masks: `(videos, segments, 2 or 3, classes)`; a third stream has no part in it.

    Returns:
        `(videos, segments, 2, classes) bool`.

    Raises:
        DataError: `masks` have another shape.

    Example:
        >>> both_then_sound = np.array([[1, 1], [1, 0]]).reshape(1, 2, 2, 1)
        >>> exclusive(both_then_sound)[0, ..., 0].tolist()
        [[False, False], [True, False]]
    """
    events = three_streams("masks", masks)[:, :, :2]
    return events & ~events[:, :, ::-1]


def segment_scores(predicted: ArrayLike, truth: ArrayLike) -> np.ndarray:
    """Mean F-score over the classes of each video, by segments.

    Args:
        predicted, truth: `(videos, segments, 2 or 3, classes)`, bool or numbers, of which 1 alone
            is an event.

    Returns:
        `(videos, 4) float64` in [0, 1]: audio, visual, audio-visual, and audio and visual added.

    Raises:
        DataError: a shape is none of these, or they differ.

    Reference:
        Lamba et al., 2021, section 4; published evaluation of Tian et al., ECCV 2020.

    Example:
        >>> truth = np.array([1, 1, 0, 0]).reshape(1, 4, 1, 1) * [[[[1], [0]]]]
        >>> segment_scores(np.roll(truth, 1, axis=1), truth).tolist()
        [[0.5, 1.0, 1.0, 0.5]]
    """
    return segment_counts(*check_pair(predicted, truth)).per_video()


def event_scores(predicted: ArrayLike, truth: ArrayLike, iou: float = IOU) -> np.ndarray:
    """Mean F-score over the classes of each video, by events: longest runs of segments.

    Args:
        predicted, truth: see `segment_scores`.
        iou: least intersection over union of two events that match, in (0, 1]; one that equals it
            counts.

    Returns:
        `(videos, 4) float64`, see `segment_scores`.

    Raises:
        DataError: see `segment_scores`; or `iou` is out of range.

    Reference:
        Lamba et al., 2021, section 4; published evaluation of Tian et al., ECCV 2020.

    Example:
        >>> truth = np.array([1, 1, 0, 0]).reshape(1, 4, 1, 1) * [[[[1], [0]]]]
        >>> late = np.roll(truth, 1, axis=1)  # one of the three segments of both is shared
        >>> event_scores(late, truth).tolist(), event_scores(late, truth, iou=1 / 3).tolist()
        ([[0.0, 1.0, 1.0, 0.0]], [[1.0, 1.0, 1.0, 1.0]])
    """
    return event_counts(*check_pair(predicted, truth), iou).per_video()


@dataclass(frozen=True)
class ParsingMetrics:
    """The ten numbers of audio-visual video parsing, in per cent.

    Args:
        segment_audio, segment_visual, segment_audio_visual: of segments, as the module says.
        segment_type_at_av, segment_event_at_av: of segments, both modalities in one number.
        event_audio, event_visual, event_audio_visual, event_type_at_av, event_event_at_av: the
            same of events.
        per_video: `(videos, 10) float64`: what each video contributes to each, in this order.
            Each number is its column's mean, so `kavc.evaluation.mean_bootstrap` gives intervals.

    Reference:
        Lamba et al., 2021, tables 1 and 2.

    Example:
        >>> found = parsing_metrics(np.ones((2, 10, 2, 25)), np.ones((2, 10, 2, 25)))
        >>> found.segment_type_at_av, found.per_video.shape
        (100.0, (2, 10))
    """

    segment_audio: float
    segment_visual: float
    segment_audio_visual: float
    segment_type_at_av: float
    segment_event_at_av: float
    event_audio: float
    event_visual: float
    event_audio_visual: float
    event_type_at_av: float
    event_event_at_av: float
    per_video: np.ndarray

    def as_dict(self) -> dict[str, float]:
        """Returns the ten numbers by name.

        Example:
            >>> list(parsing_metrics(np.ones((1, 2, 2, 1)), np.ones((1, 2, 2, 1))).as_dict())[:3]
            ['segment_audio', 'segment_visual', 'segment_audio_visual']
        """
        return {name: getattr(self, name) for name in METRICS}


METRICS = tuple(field.name for field in fields(ParsingMetrics) if field.name != "per_video")


def parsing_metrics(predicted: ArrayLike, truth: ArrayLike) -> ParsingMetrics:
    """Evaluates predicted masks, by segments and by events.

    Args:
        predicted, truth: see `segment_scores`.

    Raises:
        DataError: see `segment_scores`; or there is no video.

    Reference:
        Lamba et al., 2021, section 4; the columns of its tables 1 (segments) and 2 (events).

    Example:
        >>> truth = np.ones((3, 10, 2, 25))
        >>> sound_alone = truth * [[1], [0]]
        >>> round(parsing_metrics(sound_alone, truth).event_event_at_av, 6)
        66.666667
    """
    pair = check_pair(predicted, truth)
    columns = level_numbers(pair, "segment") | level_numbers(pair, "event")
    means = {name: float(column.mean()) for name, column in columns.items()}
    return ParsingMetrics(**means, per_video=np.stack(list(columns.values()), axis=1))


def level_numbers(pair: tuple[np.ndarray, np.ndarray], level: str) -> dict[str, np.ndarray]:
    """A level's five numbers of each video in per cent, `(videos,) float64` each, by name.

    Args:
        pair: predictions and truth as `check_pair` gives them.
        level: of `LEVELS`.

    Raises:
        DataError: there is no video.

    Reference:
        Lamba et al., 2021, section 4.

    Example:
        >>> pair = check_pair(np.ones((1, 2, 2, 1)), np.zeros((1, 2, 2, 1)))
        >>> [(name, values.tolist()) for name, values in level_numbers(pair, "event").items()][:2]
        [('event_audio', [0.0]), ('event_visual', [0.0])]
    """
    if not len(pair[0]):
        raise DataError("no video; expected 1 or more")
    audio, visual, both, added = 100 * LEVELS[level](*pair).per_video().T
    return {
        f"{level}_audio": audio,
        f"{level}_visual": visual,
        f"{level}_audio_visual": both,
        f"{level}_type_at_av": (audio + visual + both) / 3,
        f"{level}_event_at_av": added,
    }


def class_scores(predicted: ArrayLike, truth: ArrayLike, level: str = "segment") -> np.ndarray:
    """F-score of each class, its counts added over all videos.

    Args:
        predicted, truth: see `segment_scores`.
        level: what is counted, "segment" or "event".

    Returns:
        `(3, classes) float64` in [0, 1]: audio, visual, audio-visual; NaN where a class is neither
        predicted nor true.

    Raises:
        DataError: see `segment_scores`; or there is no such level.

    Reference:
        Lamba et al., 2021, figure 4.

    Example:
        >>> predicted, truth = np.zeros((2, 1, 4, 2, 2))
        >>> predicted[..., 0, 0], truth[:, :2, 0, 0] = 1, 1  # sound of the first class alone
        >>> class_scores(predicted, truth).round(3).tolist()
        [[0.667, nan], [nan, nan], [nan, nan]]
    """
    if level not in LEVELS:
        raise DataError(unknown("level", level, LEVELS))
    return LEVELS[level](*check_pair(predicted, truth)).per_class()


def class_counts(truth: ArrayLike) -> np.ndarray:
    """Number of events of each class, `(3, classes) int64`: audio, visual, audio-visual.

    Args:
        truth: see `segment_scores`.

    Raises:
        DataError: `truth` has another shape.

    Reference:
        Lamba et al., 2021, figure 1.

    Example:
        >>> truth = np.array([1, 0, 1, 1]).reshape(1, 4, 1, 1) * [[[[1], [0]]]]
        >>> class_counts(truth).tolist()  # heard twice, seen never
        [[2], [0], [0]]
    """
    return event_numbers(three_streams("truth", truth))


def _numbers(name: str, values: ArrayLike) -> np.ndarray:
    numbers = np.asarray(values, np.float32)
    if np.isnan(numbers).any():
        raise DataError(f"{name} holds NaN, expected numbers; did training diverge?")
    return numbers
