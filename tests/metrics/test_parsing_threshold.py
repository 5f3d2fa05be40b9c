from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.metrics.parsing import METRICS, parsing_metrics, predictions
from kavc.metrics.parsing_threshold import CANDIDATES, OF_TWO, fit_parsing_threshold

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.random((40, 10, 2, 5)) < 0.2
PROBABILITY = np.clip(0.1 + 0.2 * TRUTH + 0.5 * RANDOM.random(TRUTH.shape), 0, 1)
GATE = np.clip(0.3 + 0.5 * TRUTH.any(axis=(1, 2)) - 0.2 * RANDOM.random((40, 5)), 0, 1)


@pytest.mark.parametrize("metric", METRICS)
def test_it_is_the_best_of_all_candidates(metric):
    found = fit_parsing_threshold(PROBABILITY, GATE, TRUTH, metric=metric)
    pairs = [(segment, gate) for segment in OF_TWO for gate in OF_TWO]
    scores = [
        parsing_metrics(predictions(PROBABILITY, GATE, *pair), TRUTH).as_dict()[metric]
        for pair in pairs
    ]
    assert found.score == pytest.approx(max(scores))
    assert found.score > parsing_metrics(predictions(PROBABILITY, GATE), TRUTH).as_dict()[metric]
    best = int(np.argmax(np.array(scores) >= max(scores) - 1e-9))
    assert (found.value, found.gate) == pairs[best]


def test_without_a_gate_every_hundredth_is_tried():
    found = fit_parsing_threshold(PROBABILITY, None, TRUTH)
    scores = [
        parsing_metrics(predictions(PROBABILITY, None, value), TRUTH).segment_type_at_av
        for value in CANDIDATES
    ]
    assert found.score == pytest.approx(max(scores))
    assert found.value == found.gate == CANDIDATES[int(np.argmax(scores))]


def test_the_smallest_of_equals():
    probability = np.where(TRUTH, 0.6, 0.2)
    found = fit_parsing_threshold(probability, None, TRUTH, candidates=[0.5, 0.1, 0.3, 0.7])
    assert (found.value, found.score) == (0.3, pytest.approx(100))


def test_refused():
    with pytest.raises(DataError, match=r"unknown metric 'segment_type'; did you mean 'segment_ty"):
        fit_parsing_threshold(PROBABILITY, GATE, TRUTH, metric="segment_type")
    with pytest.raises(DataError, match="no candidate; expected a threshold"):
        fit_parsing_threshold(PROBABILITY, GATE, TRUTH, candidates=[])
    with pytest.raises(DataError, match="no video"):
        fit_parsing_threshold(PROBABILITY[:0], None, TRUTH[:0])
