"""The threshold at which a parsing network's probabilities are best cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError, unknown
from kavc.metrics.parsing import METRICS, level_numbers, predictions
from kavc.metrics.parsing_counts import check_pair

CANDIDATES = tuple(percent / 100 for percent in range(1, 100))
ROUNDING = 1e-9  # of means over videos in per cent, far below one segment in any set


@dataclass(frozen=True)
class ParsingThreshold:
    """A threshold, and what it reached on the data of its fit.

    Args:
        value: for `kavc.metrics.predictions`.
        score: the metric in per cent.
    """

    value: float
    score: float


def fit_parsing_threshold(
    probability: ArrayLike,
    gate: ArrayLike | None,
    truth: ArrayLike,
    *,
    candidates: Sequence[float] = CANDIDATES,
    metric: str = "segment_type_at_av",
) -> ParsingThreshold:
    """Finds the threshold with the highest metric, the smallest of equals. Use validation data.

    Args:
        probability, gate: see `predictions`.
        truth: `(videos, segments, 2, classes)`, see `segment_scores`.
        candidates: thresholds to try; hundredths by default.
        metric: a number of `ParsingMetrics`.

    Raises:
        DataError: see `predictions` and `parsing_metrics`; or there is no candidate or no such
            metric.
    """
    if metric not in METRICS:
        raise DataError(unknown("metric", metric, METRICS))
    if not len(candidates):
        raise DataError("no candidate; expected a threshold or more")
    values = np.sort(np.asarray(candidates, np.float64))
    scores = np.array([_score(predictions(probability, gate, x), truth, metric) for x in values])
    best = int(np.argmax(scores >= scores.max() - ROUNDING))
    return ParsingThreshold(float(values[best]), float(scores[best]))


def _score(predicted: np.ndarray, truth: ArrayLike, metric: str) -> float:
    level = metric.partition("_")[0]
    return float(level_numbers(check_pair(predicted, truth), level)[metric].mean())
