from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from kavc.errors import DataError
from kavc.metrics.auc import roc_auc, roc_auc_per_group

# Few distinct scores make ties, which is where implementations differ.
SCORES = st.one_of(
    st.integers(-2, 2).map(float), st.floats(allow_nan=False, allow_infinity=False, width=32)
)


@st.composite
def examples(draw):
    size = draw(st.integers(2, 40))
    labels = draw(arrays(np.int64, size, elements=st.integers(0, 1)))
    return labels, draw(arrays(np.float64, size, elements=SCORES))


@settings(max_examples=200, deadline=None)
@given(examples())
def test_equals_scikit_learn(case):
    labels, scores = case
    if labels.min() == labels.max():
        assert np.isnan(roc_auc(labels, scores))
    else:
        # Both are sums of halves over the same denominator; sklearn's trapezoids round.
        assert roc_auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(examples(), st.randoms(use_true_random=False))
def test_order_scale_and_sign(case, random):
    labels, scores = case
    expected = roc_auc(labels, scores)
    order = random.sample(range(labels.size), labels.size)
    np.testing.assert_equal(roc_auc(labels[order], scores[order]), expected)
    np.testing.assert_equal(roc_auc(labels.astype(bool), 2 * scores), expected)
    np.testing.assert_allclose(roc_auc(labels, -scores), 1 - expected, atol=1e-12)


@pytest.mark.parametrize(
    "labels, scores, expected",
    [
        ([0, 1], [0.0, 1.0], 1.0),
        ([1, 0], [0.0, 1.0], 0.0),
        ([0, 1, 0, 1], [3.0] * 4, 0.5),
        ([0, 1, 1], [-np.inf, -np.inf, np.inf], 0.75),
        ([1, 1], [0.0, 1.0], np.nan),
        ([], [], np.nan),
    ],
)
def test_closed_forms(labels, scores, expected):
    np.testing.assert_equal(roc_auc(labels, np.array(scores, float)), expected)


def test_golden(shared):
    with np.load(shared / "golden" / "ti_avc.npz") as golden:
        labels, theme = golden["auc/labels"], golden["auc/theme"]
        scores_a, scores_b = golden["auc/scores_a"], golden["auc/scores_b"]
        assert roc_auc(labels, scores_a) == pytest.approx(golden["auc/auc_a"], abs=1e-10)
        assert roc_auc(labels, scores_b) == pytest.approx(golden["auc/auc_b"], abs=1e-10)
        auc, positives, negatives = roc_auc_per_group(labels, scores_a, theme, 4)
        np.testing.assert_allclose(auc, golden["auc/per_theme_a"], atol=1e-10)
        np.testing.assert_array_equal(positives + negatives, golden["auc/per_theme_count"])
        assert (positives[3], negatives[3]) == (6, 0)


def test_groups_equal_the_groups_alone():
    random = np.random.default_rng(0)
    labels, groups = random.integers(0, 2, 300), random.integers(0, 5, 300)
    scores = random.normal(size=300).round(1)
    auc, positives, negatives = roc_auc_per_group(labels, scores, groups, 7)
    expected = [roc_auc(labels[groups == one], scores[groups == one]) for one in range(7)]
    np.testing.assert_array_equal(auc, expected)
    assert np.isnan(auc[5:]).all()
    assert positives.sum() == labels.sum() and negatives.sum() == 300 - labels.sum()
    assert positives.shape == negatives.shape == (7,)


def test_no_example_has_groups_all_the_same():
    auc, positives, _ = roc_auc_per_group([], [], [], 3)
    assert np.isnan(auc).all() and auc.shape == (3,) and not positives.any()


@pytest.mark.parametrize(
    "labels, scores, message",
    [
        ([0, 1], [0.0, np.nan], r"scores\[1\] is nan"),
        ([0, 2], [0.0, 1.0], r"labels\[1\] is 2, expected 0 or 1"),
        ([0, np.nan], [0.0, 1.0], r"labels\[1\] is nan"),
        ([0, 1], [0.0], "2 labels but 1 scores"),
        ([[0], [1]], [0.0, 1.0], r"labels have shape \(2, 1\), expected \(n,\)"),
        ([0, 1], [[0.0], [1.0]], r"scores have shape \(2, 1\)"),
        (["0", "1"], [0.0, 1.0], "labels have dtype"),
        ([0, 1], [0j, 1j], "scores have dtype complex128"),
    ],
)
def test_refuses(labels, scores, message):
    with pytest.raises(DataError, match=message):
        roc_auc(labels, scores)


@pytest.mark.parametrize(
    "groups, num_groups, message",
    [
        ([0, 3], 3, "groups span 0 to 3, expected 0 to 2"),
        ([-1, 0], 3, "groups span -1 to 0"),
        ([0.0, 1.0], 3, "expected \\(2,\\) integers"),
        ([0], 3, "groups have shape"),
        ([0, 0], 0, "num_groups is 0"),
    ],
)
def test_refuses_groups(groups, num_groups, message):
    with pytest.raises(DataError, match=message):
        roc_auc_per_group([0, 1], [0.0, 1.0], groups, num_groups)
