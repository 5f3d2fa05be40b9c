from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from kavc.errors import DataError
from kavc.evaluation.spread import spread


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


def test_refuses_percent():
    with pytest.raises(DataError, match="confidence level is 95"):
        spread([1.0, 2.0], 95)
