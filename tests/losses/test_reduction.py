"""The mean over a batch on one device; tests/training/test_devices.py has two."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from kavc.losses.reduction import batch_mean


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_it_is_the_mean(dtype):
    losses = np.random.default_rng(0).normal(size=7).astype(dtype)
    found = ops.convert_to_numpy(batch_mean(ops.convert_to_tensor(losses)))
    assert found.dtype == dtype and found.shape == ()
    np.testing.assert_allclose(found, losses.mean(), rtol=10 * np.finfo(dtype).eps)


def test_a_mean_that_is_already_taken_stays():
    assert float(batch_mean(ops.convert_to_tensor(2.5))) == 2.5
