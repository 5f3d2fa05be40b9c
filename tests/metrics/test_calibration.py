from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import metrics

from kavc.errors import DataError
from kavc.metrics.calibration import (
    brier_score,
    expected_calibration_error,
    fit_temperature,
    fit_threshold,
    log_loss,
    reliability_bins,
)


@pytest.fixture(scope="module")
def calibrated():
    """Logits whose sigmoid is the true probability of 1."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, 20_000)
    return (random.random(20_000) < expit(logits)).astype(int), logits


def test_losses_equal_scikit_learn(calibrated):
    labels, logits = calibrated
    # float64 sums of 20,000 terms
    assert log_loss(labels, logits) == pytest.approx(
        metrics.log_loss(labels, expit(logits)), rel=1e-10
    )
    assert brier_score(labels, expit(logits)) == pytest.approx(
        metrics.brier_score_loss(labels, expit(logits)), rel=1e-12
    )


@pytest.mark.parametrize(
    "logits, expected", [([0.0, 0.0], np.log(2)), ([-1e4, 1e4], 0.0), ([1e4, -1e4], 1e4)]
)
def test_log_loss_does_not_saturate(logits, expected):
    assert log_loss([0, 1], logits) == pytest.approx(expected)


def test_calibration_error_sees_overconfidence(calibrated):
    labels, logits = calibrated
    # About sqrt(0.25 / 2000) of noise in each of 10 bins of 2,000.
    assert expected_calibration_error(labels, expit(logits)) < 0.015
    assert expected_calibration_error(labels, expit(3 * logits)) > 0.08


def test_bins_have_equal_mass_and_the_right_means(calibrated):
    labels, logits = calibrated
    bins = reliability_bins(labels, expit(logits))
    np.testing.assert_array_equal(bins.count, 2000)
    lowest = np.argsort(logits)[:2000]
    assert bins.probability[0] == pytest.approx(expit(logits[lowest]).mean())
    assert bins.frequency[0] == pytest.approx(labels[lowest].mean())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=30), st.data())
def test_bins_do_not_depend_on_order(rows, data):
    shuffled = data.draw(st.permutations(rows))
    first, second = (
        reliability_bins([row[0] for row in one], [row[1] / 4 for row in one], 3)
        for one in (rows, shuffled)
    )
    np.testing.assert_array_equal(first.count, second.count)
    np.testing.assert_allclose(first.probability, second.probability, atol=1e-12)
    np.testing.assert_allclose(first.frequency, second.frequency, atol=1e-12)
    assert first.count.sum() == len(rows)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_temperature_is_found_again(calibrated, temperature):
    labels, logits = calibrated
    # The standard error of a slope on 20,000 examples is about 2 %.
    assert fit_temperature(labels, logits * temperature) == pytest.approx(temperature, rel=0.06)


def test_temperature_of_separated_classes_is_the_lowest():
    assert fit_temperature([0, 1], [-1.0, 1.0]) == pytest.approx(0.01, rel=0.05)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.one_of(st.integers(-2, 2), st.floats(-1e30, 1e30))),
        min_size=2,
        max_size=30,
    ).filter(lambda rows: len({label for label, _ in rows}) == 2)
)
def test_threshold_is_the_best_and_reports_itself(rows):
    labels = np.array([label for label, _ in rows])
    scores = np.array([score for _, score in rows], float)
    found = fit_threshold(labels, scores)
    decided = scores >= found.value
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, decided))
    balanced = metrics.balanced_accuracy_score(labels, decided)
    assert found.balanced_accuracy == pytest.approx(balanced)
    assert found.sensitivity == pytest.approx(decided[labels].mean())
    best = max(metrics.balanced_accuracy_score(labels, scores >= one) for one in scores)
    assert balanced == pytest.approx(best)


@pytest.mark.parametrize(
    "labels, scores, expected",
    [
        ([0, 1], [1.0, 3.0], 2.0),
        ([1, 0], [1.0, 3.0], 1.0),  # no threshold beats accepting everything
        ([0, 1, 0, 1], [0.0, 1.0, 2.0, 3.0], 0.5),  # 0.5 and 2.5 are equally good: the lower
        ([0, 0, 1, 0, 0, 1], [0.0, 1.0, 2.0, 3.0, 3.0, 4.0], 3.5),  # ... the more accurate
        ([0, 1], [5.0, 5.0], 5.0),
    ],
)
def test_threshold_of_few(labels, scores, expected):
    assert fit_threshold(labels, scores).value == expected


def test_threshold_survives_float32():
    lower = np.float32(1.0)
    upper = np.nextafter(lower, np.float32(2.0))
    threshold = np.float32(fit_threshold([0, 1], np.array([lower, upper])).value)
    assert not lower >= threshold and upper >= threshold


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: brier_score([0, 1], [-3.0, 3.0]), "of logits take the sigmoid first"),
        (lambda: brier_score([0, 1], [0.5, np.nan]), r"probabilities\[1\] is nan"),
        (lambda: log_loss([], []), "no example"),
        (lambda: reliability_bins([1], [0.5], 0), "bins is 0"),
        (lambda: fit_threshold([1, 1], [0.0, 1.0]), "2 of 2 ones"),
        (lambda: fit_threshold([0, 1], [0.0, np.inf]), r"scores\[1\] is infinite"),
        (lambda: fit_temperature([0, 1], [-np.inf, 1.0]), r"logits\[0\] is infinite"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(DataError, match=message):
        call()
