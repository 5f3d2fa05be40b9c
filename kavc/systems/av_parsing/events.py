"""From probabilities to events: what is heard or seen, from when to when.

A video may be longer than what the network was trained on: it is cut into windows of that many
seconds, the last of which ends with the video. Events go on from one window to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kavc.errors import DataError
from kavc.metrics.runs import runs
from kavc.serving.arrays import feature_rows
from kavc.systems.av_parsing.config import AVParsingConfig

MODALITIES = ("audio", "visual", "audio-visual")
FRAMES = 8  # of a second, in the published features of frames
MAX_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Event:
    """An event in one modality, or in both at once.

    Args:
        start, end: seconds; `end` is where it is over.
        modality: one of `MODALITIES`; an audio-visual event is where both overlap.
        label: name of its class.
        score: mean probability over its segments; of both modalities, the lower of the two.
    """

    start: float
    end: float
    modality: str
    label: str
    score: float


@dataclass(frozen=True)
class Windows:
    """A video, cut to what a network takes.

    Args:
        inputs: name to (windows, segments, width) float32, a batch for the network or a server.
        starts: (windows,) seconds at which these begin.
        seconds: of the video.

    Example:
        >>> rows = np.zeros((25, 128), np.float32)
        >>> widths = {"audio": 128, "visual": 128}
        >>> found = windows({"audio": rows, "visual": rows}, widths, segments=10)
        >>> found.starts, found.inputs["audio"].shape
        ([0, 10, 15], (3, 10, 128))
    """

    inputs: Mapping[str, np.ndarray]
    starts: Sequence[int]
    seconds: int

    def join(self, values: np.ndarray) -> np.ndarray:
        """Returns answers of (windows, segments, ...) as (seconds, ...).

        Where the last window begins within the one before, that one has the last word.

        Example:
            >>> found = Windows({}, starts=[0, 2], seconds=5)  # two windows of three seconds
            >>> found.join(np.array([[1, 1, 1], [2, 2, 2]])).tolist()
            [1, 1, 1, 2, 2]
        """
        values = np.asarray(values)
        whole = np.empty((self.seconds, *values.shape[2:]), values.dtype)
        for start, found in zip(reversed(self.starts), values[::-1], strict=True):
            whole[start : start + len(found)] = found
        return whole


def widths(config: AVParsingConfig) -> dict[str, int]:
    """Returns the width of each input of a config's network, by name.

    Example:
        >>> widths(AVParsingConfig(visual_3d_dim=None))
        {'audio': 128, 'visual': 2048}
    """
    found = {
        "audio": config.audio_dim,
        "visual": config.visual_dim,
        "visual_3d": config.visual_3d_dim,
    }
    return {name: width for name, width in found.items() if width is not None}


def windows(features: Mapping[str, Any], widths: Mapping[str, int], segments: int) -> Windows:
    """Cuts the features of one video.

    Args:
        features: "audio" (seconds, width), "visual" (seconds, width) or 8 frames a second, and
            whatever else `widths` names, (seconds, width); floats, or nested lists of numbers.
            What the network does not take is left out.
        widths: name to width of what the network takes.
        segments: seconds of a window.

    Raises:
        DataError: an array is missing, of another shape or width, of whole numbers or not finite;
            the video is shorter than a window or longer than a day.

    Example:
        >>> widths = {"audio": 128, "visual": 512}
        >>> features = {"audio": np.zeros((10, 128), "f4"), "visual": np.zeros((80, 512), "f4")}
        >>> windows(features, widths, segments=10).inputs["visual"].shape  # 8 frames a second
        (1, 10, 512)
    """
    arrays = {name: feature_rows(features, name, widths) for name in widths}
    seconds = len(arrays["audio"])
    begins = starts(seconds, segments, "'audio'")
    if len(arrays["visual"]) == FRAMES * seconds:
        frames = arrays["visual"].reshape(seconds, FRAMES, -1)
        arrays["visual"] = frames.mean(axis=1, dtype=np.float64).astype(np.float32)
    for name, array in arrays.items():
        if len(array) != seconds:
            more = f", or {FRAMES} a second" if name == "visual" else ""
            raise DataError(
                f"{name!r} has {len(array)} rows and 'audio' {seconds}; expected as many{more}"
            )
    cut = {
        name: np.stack([array[start : start + segments] for start in begins])
        for name, array in arrays.items()
    }
    return Windows(cut, begins, seconds)


def starts(seconds: int, segments: int, what: str) -> list[int]:
    """Returns at which seconds the windows of a video begin; the last one ends with it.

    Args:
        seconds: of the video.
        segments: seconds of a window.
        what: has so many seconds, for messages.

    Raises:
        DataError: the video is shorter than a window, or longer than a day.

    Example:
        >>> starts(25, 10, "'audio'"), starts(10, 10, "'audio'")
        ([0, 10, 15], [0])
        >>> starts(7, 10, "'audio'")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: 'audio' has 7 rows, one a second; the network parses ...
    """
    if not segments <= seconds <= MAX_SECONDS:
        raise DataError(
            f"{what} has {seconds} rows, one a second; the network parses videos of {segments} to "
            f"{MAX_SECONDS:,} s"
        )
    return [*range(0, seconds - segments, segments), seconds - segments]


def events(
    probability: np.ndarray, decided: np.ndarray, classes: Sequence[str], seconds: float = 1.0
) -> list[Event]:
    """Returns what happens, in the order of time.

    Args:
        probability: (segments, 2, classes), audio first.
        decided: bool, of that shape.
        classes: names, by index.
        seconds: length of a segment.

    Example:
        >>> decided = np.array([[[1], [0]], [[1], [1]], [[0], [1]]], bool)
        >>> [(e.start, e.end, e.modality) for e in events(decided * 0.9, decided, ["Dog"])]
        [(0.0, 2.0, 'audio'), (1.0, 3.0, 'visual'), (1.0, 2.0, 'audio-visual')]
    """
    both = probability.min(axis=1, keepdims=True), decided.all(axis=1, keepdims=True)
    scores = np.concatenate([probability, both[0]], axis=1)
    masks = np.concatenate([decided, both[1]], axis=1)
    found = []
    for stream, modality in enumerate(MODALITIES):
        for label, start, end in runs(masks[:, stream]):
            score = float(scores[start:end, stream, label].mean(dtype=np.float64))
            times = start * seconds, end * seconds
            found.append(Event(*times, modality, classes[label], score))
    return sorted(found, key=lambda each: (each.start, MODALITIES.index(each.modality), each.label))
