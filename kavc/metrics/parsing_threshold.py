"""The thresholds at which a parsing network's probabilities are best cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError, unknown
from kavc.metrics.parsing import METRICS, level_numbers, predictions
from kavc.metrics.parsing_counts import check_pair

CANDIDATES = tuple(percent / 100 for percent in range(1, 100))
OF_TWO = tuple(percent / 100 for percent in range(5, 100, 5))  # where a gate has one of its own
ROUNDING = 1e-9  # of means over videos in per cent, far below one segment in any set


@dataclass(frozen=True)
class ParsingThreshold:
    """Thresholds, and what they reached on the data of their fit.

    Args:
        value: of segments, for `kavc.metrics.predictions`.
        gate: of the gate; that of segments where there is none.
        score: the metric in per cent.
    """

    value: float
    gate: float
    score: float


def fit_parsing_threshold(
    probability: ArrayLike,
    gate: ArrayLike | None,
    truth: ArrayLike,
    *,
    candidates: Sequence[float] | None = None,
    metric: str = "segment_type_at_av",
) -> ParsingThreshold:
    """Finds the thresholds with the highest metric, the smallest of equals. Use validation data.

    Where there is a gate, it has a threshold of its own, and all pairs are tried: whether an event
    is in a video at all is another question than when.

    Args:
        probability, gate: see `predictions`.
        truth: `(videos, segments, 2, classes)`, see `segment_scores`.
        candidates: thresholds to try; hundredths by default, twentieths where there is a gate.
        metric: a number of `ParsingMetrics`.

    Raises:
        DataError: see `predictions` and `parsing_metrics`; or there is no candidate or no such
            metric.

    Example:
        >>> truth = np.array([1, 0]).reshape(1, 2, 1, 1) * [[[[1], [1]]]]
        >>> fit_parsing_threshold(0.25 + 0.1 * truth, None, truth)
        ParsingThreshold(value=0.26, gate=0.26, score=100.0)
    """
    if metric not in METRICS:
        raise DataError(unknown("metric", metric, METRICS))
    if candidates is None:
        candidates = CANDIDATES if gate is None else OF_TWO
    if not len(candidates):
        raise DataError("no candidate; expected a threshold or more")
    values = np.sort(np.asarray(candidates, np.float64))
    pairs = [(x, y) for x in values for y in (values if gate is not None else [x])]
    scores = np.array(
        [_score(predictions(probability, gate, *pair), truth, metric) for pair in pairs]
    )
    best = int(np.argmax(scores >= scores.max() - ROUNDING))
    segment, whole = map(float, pairs[best])
    return ParsingThreshold(segment, whole, float(scores[best]))


def _score(predicted: np.ndarray, truth: ArrayLike, metric: str) -> float:
    level = metric.partition("_")[0]
    return float(level_numbers(check_pair(predicted, truth), level)[metric].mean())
