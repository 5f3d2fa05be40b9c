from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from kavc.errors import DataError
from kavc.evaluation.spreads import spread


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_equals_scipy(level):
    values = np.random.default_rng(0).normal(0.78, 0.01, 5)
    found = spread([*values, np.nan], level)
    expected = stats.ttest_1samp(values, 0).confidence_interval(level)
    np.testing.assert_allclose(found.interval, tuple(expected), rtol=1e-12)
    assert found.count == 5
    assert found.std == pytest.approx(values.std(ddof=1))
    assert found.standard_error == pytest.approx(stats.sem(values))


@pytest.mark.parametrize(
    "values, count, mean", [([], 0, np.nan), ([np.nan], 0, np.nan), ([0.7], 1, 0.7)]
)
def test_too_few(values, count, mean):
    found = spread(values)
    assert found.count == count
    np.testing.assert_equal(found.mean, mean)
    assert np.isnan([found.std, found.standard_error, found.low, found.high]).all()


@pytest.mark.parametrize("values", [[0.5, 0.5], [0.1] * 3, [0.0] * 4])
def test_equal_runs_have_no_interval(values):
    """No spread over a few runs says nothing of how sure their mean is."""
    found = spread(values)
    assert (found.mean, found.std, found.standard_error) == (pytest.approx(values[0]), 0, 0)
    assert np.isnan(found.interval).all()


def test_an_interval_ends_where_the_number_does():
    free, held = spread([97.0, 99.5, 99.9]), spread([97.0, 99.5, 99.9], limits=(0, 100))
    assert free.high > 100 and held.interval == (free.low, 100)
    assert spread([0.5, 0.1], limits=(0, 100)).low == 0


def test_refuses_percent():
    with pytest.raises(DataError, match="confidence level is 95"):
        spread([1.0, 2.0], 95)
