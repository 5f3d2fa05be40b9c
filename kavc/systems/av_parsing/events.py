"""From probabilities to events: what is heard or seen, from when to when.

A video may be longer than what the network was trained on: it is cut into windows of that many
seconds, the last of which ends with the video. Events go on from one window to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kavc.errors import DataError

MODALITIES = ("audio", "visual", "audio-visual")
FRAMES = 8  # of a second, in the published features of frames
MAX_SECONDS = 24 * 3600

# From a batch of windows by name to probabilities and decisions, (windows, segments, 2, classes).
Ask = Callable[[dict[str, np.ndarray]], tuple[np.ndarray, np.ndarray]]


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


def parse(
    ask: Ask, features: Mapping[str, Any], widths: Mapping[str, int], segments: int
) -> tuple[np.ndarray, np.ndarray]:
    """Asks for every second of a video.

    Args:
        ask: the network or a server.
        features: "audio" (seconds, width), "visual" (seconds, width) or 8 frames a second, and
            whatever else `widths` names, (seconds, width); of numbers.
        widths: name to width of what the network takes.
        segments: seconds of its windows.

    Returns:
        Probabilities (seconds, 2, classes) float32 and decisions, bool of that shape, audio first.

    Raises:
        DataError: an array is missing, of another shape or width, or not finite; the video is
            shorter than a window.
    """
    arrays = _checked(features, widths, segments)
    seconds = len(arrays["audio"])
    starts = [*range(0, seconds - segments, segments), seconds - segments]
    windows = {
        name: np.stack([array[start : start + segments] for start in starts])
        for name, array in arrays.items()
    }
    found = [np.asarray(value) for value in ask(windows)]
    whole = [np.zeros((seconds, *value.shape[2:]), value.dtype) for value in found]
    for at, start in reversed(list(enumerate(starts))):  # an earlier window has the last word
        for into, value in zip(whole, found, strict=True):
            into[start : start + segments] = value[at]
    return whole[0].astype(np.float32), whole[1].astype(bool)


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
    both = {"probability": probability.min(axis=1), "decided": decided.all(axis=1)}
    streams = [
        *((probability[:, at], decided[:, at]) for at in range(2)),
        (both["probability"], both["decided"]),
    ]
    found = []
    for modality, (scores, mask) in zip(MODALITIES, streams, strict=True):
        for label, start, end in _runs(mask):
            score = float(scores[start:end, label].mean())
            times = start * seconds, end * seconds
            found.append(Event(*times, modality, classes[label], round(score, 4)))
    return sorted(found, key=lambda each: (each.start, MODALITIES.index(each.modality), each.label))


def _runs(mask: np.ndarray) -> list[tuple[int, int, int]]:
    """Returns class, first segment and the one after the last, of each run of ones."""
    edges = np.diff(np.pad(mask.T.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    labels, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    return list(zip(labels.tolist(), starts.tolist(), ends.tolist(), strict=True))


def _checked(
    features: Mapping[str, Any], widths: Mapping[str, int], segments: int
) -> dict[str, np.ndarray]:
    arrays = {}
    for name, width in widths.items():
        if name not in features:
            raise DataError(f"no array {name!r}; expected {', '.join(widths)}")
        array = np.asarray(features[name])
        if array.dtype.kind != "f" or array.ndim != 2 or array.shape[1] != width:
            raise DataError(
                f"{name!r} is {array.dtype} of shape {array.shape}; expected floats (seconds, "
                f"{width}), of one video"
            )
        if not np.isfinite(array).all():
            raise DataError(f"{name!r} holds NaN or infinite values")
        arrays[name] = array.astype(np.float32)
    seconds = len(arrays["audio"])
    if not segments <= seconds <= MAX_SECONDS:
        raise DataError(
            f"'audio' has {seconds} rows, one a second; the network parses videos of {segments} s "
            f"and more, up to {MAX_SECONDS}"
        )
    if len(arrays["visual"]) == FRAMES * seconds:
        frames = arrays["visual"].reshape(seconds, FRAMES, -1)
        arrays["visual"] = frames.mean(axis=1, dtype=np.float64).astype(np.float32)
    for name, array in arrays.items():
        if len(array) != seconds:
            more = f", or {FRAMES} a second" if name == "visual" else ""
            raise DataError(
                f"{name!r} has {len(array)} rows and 'audio' {seconds}; expected as many{more}"
            )
    return arrays
