"""Events of a video's masks, and which of the predicted ones are true.

An event is a longest run of ones of one class in one stream. Two events match where intersection
over union reaches a threshold. Videos of up to 10 segments are looked up in a table of every pair
of masks; longer ones are matched run by run. Both give the same counts.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from kavc.errors import DataError
from kavc.metrics.parsing_counts import Counts

IOU = 0.5  # of the published evaluation
TABLE_SEGMENTS = 10  # a table of 2^10 by 2^10 bytes stays in a processor's cache


def event_counts(predicted: np.ndarray, truth: np.ndarray, iou: float = IOU) -> Counts:
    """Counts events of masks.

    A predicted event is a hit if some true event matches it, else an error; a true event that no
    predicted one matches is an error too. From an `iou` of 0.5 on, nothing matches twice: events
    of one mask lie a segment apart, so one other can't be half of two of them.

    Args:
        predicted, truth: `(videos, segments, streams, classes) bool`.
        iou: least intersection over union of a match, in (0, 1]; one that equals it counts.

    Raises:
        DataError: `iou` is out of range.

    Reference:
        Lamba et al., 2021, section 4; published evaluation of Tian et al., ECCV 2020.

    Example:
        >>> predicted = np.array([1, 1, 0, 1], bool).reshape(1, 4, 1, 1)
        >>> truth = np.array([1, 1, 1, 0], bool).reshape(1, 4, 1, 1)
        >>> counts = event_counts(predicted, truth)
        >>> int(counts.hits.sum()), int(counts.errors.sum())  # two of three segments are enough
        (1, 1)
    """
    if not 0 < iou <= 1:
        raise DataError(f"iou is {iou}, expected above 0 and at most 1")
    count = by_table if predicted.shape[1] <= TABLE_SEGMENTS else by_runs
    return count(predicted, truth, iou)


def event_numbers(masks: np.ndarray) -> np.ndarray:
    """Number of events of each class and stream over all videos, `(streams, classes) int64`.

    Example:
        >>> event_numbers(np.array([1, 0, 1, 1], bool).reshape(1, 4, 1, 1))
        array([[2]])
    """
    starts = masks.copy()
    starts[:, 1:] &= ~masks[:, :-1]
    return starts.sum(axis=(0, 1))


def by_table(predicted: np.ndarray, truth: np.ndarray, iou: float) -> Counts:
    """`event_counts` of up to 10 segments."""
    found, true = _codes(predicted), _codes(truth)
    numbers, matched = _tables(float(iou))
    hits = matched[found, true].astype(np.int32)
    return Counts(hits, numbers[found] - hits + numbers[true] - matched[true, found])


def _codes(masks: np.ndarray) -> np.ndarray:
    """Each mask as a number whose bit i is segment i, `(videos, streams, classes)`."""
    videos, segments, streams, classes = masks.shape
    bits = 2.0 ** np.arange(segments, dtype=np.float32)  # exact: sums stay below 2^24
    codes = bits @ masks.reshape(videos, segments, streams * classes).astype(np.float32)
    return codes.astype(np.intp).reshape(videos, streams, classes)


@functools.lru_cache(maxsize=8)
def _tables(iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Events of each code, `(1024,) int8`, and how many of a row's match some of a column's.

    The latter is `(1024, 1024) int8`, and a product of matrices: which of the 55 possible events
    a code holds, and which of these match.
    """
    first, last = np.triu_indices(TABLE_SEGMENTS)
    event = 2 ** (last + 1) - 2**first
    around = event | event << 1 | event >> 1
    codes = np.arange(2**TABLE_SEGMENTS)[:, None]
    holds = ((codes & around) == event).astype(np.float32)

    length = last - first + 1
    shared = np.minimum.outer(last, last) - np.maximum.outer(first, first) + 1
    shared = np.maximum(shared, 0)
    alike = shared / (np.add.outer(length, length) - shared) >= iou
    matchable = alike.astype(np.float32) @ holds.T > 0
    matched = holds @ matchable.astype(np.float32)
    return holds.sum(axis=1).astype(np.int8), matched.astype(np.int8)


def by_runs(predicted: np.ndarray, truth: np.ndarray, iou: float) -> Counts:
    """`event_counts` of any number of segments, in time and memory that grow with the masks."""
    found, true, shared = (_Runs.of(masks) for masks in (predicted, truth, predicted & truth))
    # Runs lie apart, so each run of the product is what one predicted and one true event share.
    of_found = np.searchsorted(found.first, shared.first, side="right") - 1
    of_true = np.searchsorted(true.first, shared.first, side="right") - 1
    union = found.length[of_found] + true.length[of_true] - shared.length
    matches = shared.length / union >= iou
    hits, matched = found.per_mask(of_found[matches]), true.per_mask(of_true[matches])
    return Counts(hits, found.per_mask() - hits + true.per_mask() - matched)


class _Runs(NamedTuple):
    """Longest runs of ones, by mask and then in time.

    Args:
        first: where each begins, `(runs,)`, in all masks laid end to end, a zero after each.
        length: of each.
        mask: number of the mask that each is of.
        shape: of all masks, without their segments.
    """

    first: np.ndarray
    length: np.ndarray
    mask: np.ndarray
    shape: tuple[int, ...]

    @classmethod
    def of(cls, masks: np.ndarray) -> _Runs:
        in_time = np.moveaxis(masks, 1, -1)
        closed = np.pad(in_time, [(0, 0)] * 3 + [(0, 1)])
        edges = np.flatnonzero(np.diff(closed.ravel(), prepend=False))
        first, end = edges[::2], edges[1::2]
        return cls(first, end - first, first // closed.shape[-1], closed.shape[:-1])

    def per_mask(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """How many runs each mask has, each once: all, or those with the numbers `chosen`."""
        masks = self.mask if chosen is None else self.mask[np.unique(chosen)]
        return np.bincount(masks, minlength=int(np.prod(self.shape))).reshape(self.shape)
