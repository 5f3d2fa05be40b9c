from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.evaluation.bootstrap import auc_bootstrap
from kavc.evaluation.delong import auc_interval
from kavc.metrics.auc import roc_auc


def pairs(videos, seed=0, shift=1.0, decimals=8):
    random = np.random.default_rng(seed)
    labels = np.repeat([1, 0], videos)
    scores = (random.normal(size=2 * videos) + shift * labels).round(decimals)
    return labels, scores, np.tile(np.arange(videos), 2)


@pytest.mark.parametrize("decimals", [0, 8])
def test_a_draw_is_the_auc_of_the_repeated_examples(decimals):
    labels, scores, videos = pairs(25, decimals=decimals)
    found = auc_bootstrap(labels, scores, videos, draws=20, seed=5)
    random = np.random.default_rng(5)
    for sample in found.samples:
        drawn = random.integers(25, size=25)
        rows = np.concatenate([np.flatnonzero(videos == video) for video in drawn])
        assert sample == pytest.approx(roc_auc(labels[rows], scores[rows]), abs=1e-12)
    assert found.value == roc_auc(labels, scores)


def test_agrees_with_delong_on_independent_pairs():
    labels, scores, videos = pairs(2000)
    boot = auc_bootstrap(labels, scores, videos).estimate()
    exact = auc_interval(labels, scores)
    # An end of a percentile interval of 1,000 draws is sure to some 5 % of the width.
    assert boot.low == pytest.approx(exact.low, abs=0.1 * (exact.high - exact.low))
    assert boot.high == pytest.approx(exact.high, abs=0.1 * (exact.high - exact.low))


def test_shared_videos_widen_the_interval():
    labels, scores, videos = pairs(100)
    alone = auc_bootstrap(labels, scores, videos).estimate()
    tenfold = [np.tile(array, 10) for array in (labels, scores, videos)]
    assert auc_bootstrap(*tenfold).estimate().interval == pytest.approx(alone.interval, abs=1e-12)
    naive = auc_interval(*tenfold[:2])
    assert naive.high - naive.low < 0.5 * (alone.high - alone.low)


def test_seed_and_text_ids():
    labels, scores, videos = pairs(30)
    first = auc_bootstrap(labels, scores, videos, draws=10, seed=1).samples
    names = np.array([f"video{one:03}" for one in videos])
    np.testing.assert_array_equal(
        auc_bootstrap(labels, scores, names, draws=10, seed=1).samples, first
    )
    assert (auc_bootstrap(labels, scores, videos, draws=10, seed=2).samples != first).any()


def test_draws_without_a_class_are_left_out():
    # All positives are of one cluster of ten, which a draw may lack.
    labels, scores = np.repeat([1, 0], 10), np.random.default_rng(0).normal(size=20)
    found = auc_bootstrap(labels, scores, np.r_[np.zeros(10), np.arange(10)], draws=200)
    assert np.isnan(found.samples).any() and not np.isnan(found.samples).all()
    assert not np.isnan(found.estimate().interval).any()
    assert np.isnan(auc_bootstrap([1, 1], [0.0, 1.0], [0, 1]).estimate().interval).all()
    assert np.isnan(auc_bootstrap([], [], []).value)


@pytest.mark.parametrize("positives, negatives", [(9, 40), (40, 9), (1, 1)])
def test_a_handful_has_no_interval(positives, negatives):
    labels = np.repeat([1, 0], [positives, negatives])
    scores = np.random.default_rng(0).normal(size=labels.size)
    found = auc_bootstrap(labels, scores, np.arange(labels.size), draws=50).estimate()
    assert found.value == roc_auc(labels, scores)
    assert np.isnan(found.interval).all()


def test_few_clusters_have_no_interval():
    labels, scores, videos = pairs(30)
    for clusters, known in ((9, False), (10, True)):
        found = auc_bootstrap(labels, scores, videos % clusters, draws=50).estimate()
        assert np.isfinite(found.interval).all() == known


@pytest.mark.parametrize("sign, auc", [(1, 1.0), (-1, 0.0), (0, 0.5)])
def test_equal_draws_have_no_interval(sign, auc):
    """Separated classes, or one score for all: each draw has the same AUC."""
    labels, scores, videos = pairs(20, shift=100)
    found = auc_bootstrap(labels, sign * scores, videos, draws=50).estimate()
    assert found.value == auc
    assert np.isnan(found.interval).all()


def test_refuses():
    with pytest.raises(DataError, match="cluster_ids have shape"):
        auc_bootstrap([0, 1], [0.0, 1.0], [0])
    with pytest.raises(DataError, match="draws is 0"):
        auc_bootstrap([0, 1], [0.0, 1.0], [0, 0], draws=0)
