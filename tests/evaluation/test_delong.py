from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from kavc.errors import DataError
from kavc.evaluation.delong import (
    auc_covariance,
    auc_interval,
    auc_intervals_per_group,
    paired_test,
)
from kavc.evaluation.estimate import FEWEST, normal_quantile
from kavc.metrics.auc import roc_auc


def placements(labels, scores):
    """Each example's placement, by comparing every pair: DeLong's definition."""
    positives, negatives = scores[labels == 1], scores[labels == 0]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    return wins.mean(axis=1), wins.mean(axis=0)


def test_golden(shared):
    with np.load(shared / "golden" / "ti_avc.npz") as golden:
        labels, a, b = (golden[f"auc/{name}"] for name in ("labels", "scores_a", "scores_b"))
        auc, covariance = auc_covariance(labels, [a, b])
        np.testing.assert_allclose(auc, [golden["auc/auc_a"], golden["auc/auc_b"]], atol=1e-10)
        np.testing.assert_allclose(covariance, golden["auc/covariance"], atol=1e-10)
        # The golden interval is symmetric; on the logit scale its half-width is this much wider.
        half_width = np.ptp(golden["auc/ci95_a"]) / 2 / (auc[0] * (1 - auc[0]))
        expected = expit(logit(auc[0]) + np.array([-half_width, half_width]))
        np.testing.assert_allclose(auc_interval(labels, a).interval, expected, atol=1e-10)
        test = paired_test(labels, a, b)
        assert test.z == pytest.approx(golden["auc/z_a_minus_b"], abs=1e-10)
        assert test.p == pytest.approx(golden["auc/p_two_sided"], abs=1e-10)


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_equals_the_definition(decimals):
    random = np.random.default_rng(decimals)
    labels = np.array([1] * 30 + [0] * 50)
    systems = (random.normal(size=(3, 80)) + labels).round(decimals)
    auc, covariance = auc_covariance(labels, systems)
    below, above = zip(*(placements(labels, one) for one in systems), strict=True)
    np.testing.assert_allclose(auc, np.mean(below, axis=1), atol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(below) / 30 + np.cov(above) / 50, atol=1e-12)


def test_interval_covers_at_its_level():
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    truth = 0.7602499389  # P(N(1, 1) > N(0, 1)) = Phi(1 / sqrt 2)
    inside = 0
    for _ in range(400):
        found = auc_interval(labels, random.normal(size=200) + labels, level=0.8)
        inside += found.low <= truth <= found.high
    # 0.8 with three standard errors of a share of 400, 0.06
    assert inside / 400 == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("turned", [False, True])
def test_an_interval_lies_inside_0_and_1(turned):
    """One negative above one positive, of ten each: the symmetric interval goes beyond 1."""
    labels = np.repeat([0, 1], 10)
    scores = np.arange(20.0)
    scores[[9, 10]] = scores[[10, 9]]
    scores = -scores if turned else scores
    auc, covariance = auc_covariance(labels, [scores])
    half_width = normal_quantile(0.95) * np.sqrt(covariance[0, 0])
    assert max(auc[0], 1 - auc[0]) + half_width > 1
    found = auc_interval(labels, scores)
    assert 0 < found.low < found.value < found.high < 1


def test_turned_scores_turn_the_interval():
    random = np.random.default_rng(4)
    labels = np.arange(60) % 2
    scores = random.normal(size=60) + labels
    low, high = auc_interval(labels, -scores).interval
    assert auc_interval(labels, scores).interval == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("fewest, known", [(FEWEST - 1, False), (FEWEST, True)])
@pytest.mark.parametrize("smaller", [0, 1])
def test_a_handful_has_neither_interval_nor_test(fewest, known, smaller):
    labels = np.where(np.arange(50) < fewest, smaller, 1 - smaller)
    a, b = np.random.default_rng(5).normal(size=(2, 50))
    found, test = auc_interval(labels, a), paired_test(labels, a, b)
    assert found.value == roc_auc(labels, a)
    assert test.difference == pytest.approx(roc_auc(labels, a) - roc_auc(labels, b))
    assert (np.isfinite([*found.interval, *test.interval, test.z, test.p]) == known).all()


def test_a_constant_score_has_no_interval():
    labels = np.arange(60) % 3 == 0
    found = auc_interval(labels, np.full(60, 0.1))
    assert found.value == 0.5 and np.isnan(found.interval).all()


def test_intervals_of_each_group():
    random = np.random.default_rng(6)
    labels, groups = np.arange(200) % 2, np.repeat([0, 1, 3], [100, 81, 19])
    scores = random.normal(size=200) + labels
    found = auc_intervals_per_group(labels, scores, groups, 4)
    for group in (0, 1):
        inside = groups == group
        assert found[group] == auc_interval(labels[inside], scores[inside])
    # None at all, and 9 of one class.
    for group in (2, 3):
        assert np.isnan([found[group].value, *found[group].interval]).all()


def test_the_test_is_antisymmetric_and_its_interval_agrees():
    random = np.random.default_rng(1)
    labels = np.arange(100) % 2
    a, b = random.normal(size=(2, 100)) + np.outer([1.5, 0.2], labels)
    one, other = paired_test(labels, a, b), paired_test(labels, b, a)
    assert one.difference == pytest.approx(-other.difference)
    assert one.z == pytest.approx(-other.z) and one.p == pytest.approx(other.p)
    assert one.p < 0.05 and one.interval[0] > 0


def test_equal_rankings_differ_by_nothing():
    random = np.random.default_rng(2)
    labels, scores = np.arange(40) % 2, random.normal(size=40)
    test = paired_test(labels, scores, np.exp(scores))
    assert test.difference == 0.0
    assert np.isnan([test.z, test.p, *test.interval]).all()


def test_separated_classes_have_neither_interval_nor_test():
    labels, perfect = np.repeat([0, 1], 30), np.arange(60.0)
    for sign, auc in ((1, 1.0), (-1, 0.0)):
        found = auc_interval(labels, sign * perfect)
        assert found.value == auc and np.isnan(found.interval).all()
        test = paired_test(labels, sign * perfect, -sign * perfect)
        assert test.difference == 2 * auc - 1
        assert np.isnan([test.z, test.p, *test.interval]).all()


@pytest.mark.parametrize(
    "labels, value", [([1, 1, 1], np.nan), ([0, 0, 0], np.nan), ([0, 0, 1], 1.0), ([], np.nan)]
)
def test_too_few_give_nan(labels, value):
    scores = np.arange(len(labels), dtype=float)
    found = auc_interval(labels, scores)
    np.testing.assert_equal([found.value, found.low, found.high], [value, np.nan, np.nan])
    test = paired_test(labels, scores, scores)
    assert np.isnan([test.z, test.p, *test.interval]).all()


def test_refuses():
    with pytest.raises(DataError, match="confidence level is 95"):
        auc_interval([0, 1], [0.0, 1.0], level=95)
    with pytest.raises(DataError, match="2 labels but 3 scores"):
        paired_test([0, 1], [0.0, 1.0], [0.0, 1.0, 2.0])
