from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.evaluation.estimate import normal_quantile
from kavc.evaluation.mean_intervals import mean_bootstrap


def test_a_draw_is_the_mean_of_the_repeated_examples():
    values = np.random.default_rng(0).normal(size=(30, 2))
    found = mean_bootstrap(values, draws=150, seed=3)
    random = np.random.default_rng(3)
    drawn = np.concatenate([random.integers(30, size=(n, 30)) for n in (100, 50)])
    for column, bootstrap in enumerate(found):
        assert bootstrap.value == pytest.approx(values[:, column].mean())
        np.testing.assert_allclose(bootstrap.samples, values[drawn, column].mean(axis=1))


def test_agrees_with_the_normal_interval():
    hits = (np.random.default_rng(1).random(3000) < 0.3).astype(float)
    half = normal_quantile(0.95) * hits.std() / np.sqrt(hits.size)
    interval = mean_bootstrap(hits[:, None])[0].estimate().interval
    # An end of a percentile interval of 2,000 draws is sure to some 4 % of the width.
    expected = (hits.mean() - half, hits.mean() + half)
    assert interval == pytest.approx(expected, abs=0.1 * 2 * half)


def test_columns_share_their_draws():
    values = np.random.default_rng(2).normal(size=(50, 2))
    both = np.column_stack([values, values[:, 0] - values[:, 1]])
    a, b, difference = (one.samples for one in mean_bootstrap(both, draws=20))
    np.testing.assert_allclose(a - b, difference)
    assert (mean_bootstrap(both, draws=20, seed=1)[0].samples != a).any()


@pytest.mark.parametrize("hit", [0.0, 100.0, 100 * 0.3])
def test_no_interval_where_all_queries_count_alike(hit):
    values = np.column_stack([np.full(300, hit), np.arange(300)])
    alike, others = (one.estimate() for one in mean_bootstrap(values, draws=50))
    assert alike.value == pytest.approx(hit)
    assert np.isnan(alike.interval).all() and np.isfinite(others.interval).all()


@pytest.mark.parametrize("queries, known", [(9, False), (10, True)])
def test_a_handful_of_queries_has_no_interval(queries, known):
    found = mean_bootstrap(np.arange(queries)[:, None] % 2, draws=50)[0].estimate()
    assert np.isfinite(found.interval).all() == known


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((0, 2)), [[np.nan]]])
def test_refuses_values(values):
    with pytest.raises(DataError, match="expected finite numbers"):
        mean_bootstrap(values)


def test_refuses_no_draws():
    with pytest.raises(DataError, match="draws is 0"):
        mean_bootstrap([[1.0]], draws=0)
