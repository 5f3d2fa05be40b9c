"""Norm 1, also of tiny rows; zeros stay zeros."""

from __future__ import annotations

import keras
import numpy as np

from kavc.layers.unit_norm import UnitNorm


def test_rows_have_norm_one_and_keep_their_direction():
    x = np.random.default_rng(0).normal(size=(5, 3, 4)) * 10.0 ** np.arange(-3, 2)[:, None, None]
    found = keras.ops.convert_to_numpy(UnitNorm(dtype="float64")(x))
    np.testing.assert_allclose(found, x / np.linalg.norm(x, axis=-1, keepdims=True), rtol=1e-14)


def test_zeros_stay_zeros():
    assert not np.any(UnitNorm()(np.zeros((2, 3), np.float32)))


def test_config_round_trip():
    layer = UnitNorm(epsilon=1e-6, name="norm")
    again = UnitNorm.from_config(layer.get_config())
    assert (again.epsilon, again.name) == (1e-6, "norm")
    assert layer.compute_output_shape((None, 7)) == (None, 7)


def test_another_norm_than_1():
    found = UnitNorm(scale=6.0)(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32))
    np.testing.assert_allclose(found, [[3.6, 4.8], [0, 0]], rtol=1e-6)
    assert UnitNorm.from_config(UnitNorm(scale=6.0).get_config()).scale == 6
