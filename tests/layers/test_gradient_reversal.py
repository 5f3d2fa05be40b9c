"""The reversal leaves values as they are and turns gradients round."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.gradient_reversal import GradientReversal, reversal_strength, reverse_gradient

VALUES = [0.0, -0.0, 1.0, -1 / 3, 1e-30, -1e30, 3e38, 1e-45]


def value_and_gradient(function, x):
    """Of a sum of squares of what `function` gives, in a compiled graph."""
    x = ops.convert_to_tensor(x)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(jax.value_and_grad(lambda x: ops.sum(function(x) ** 2)))(x)
    import tensorflow as tf

    @tf.function
    def both(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = ops.sum(function(x) ** 2)
        return value, tape.gradient(value, x)

    return both(x)


@pytest.mark.parametrize("strength", [0.0, 1.0, 0.4, 7.0])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_values_keep_every_bit(strength, dtype):
    x = ops.cast(np.float32(VALUES), dtype)
    found = reverse_gradient(x, strength)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    x, found = (ops.convert_to_numpy(ops.cast(each, "float64")) for each in (x, found))
    np.testing.assert_array_equal(found, x)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(x))


@pytest.mark.parametrize("strength", [0.0, 1.0, 0.4, 7.0])
def test_gradients_come_back_times_minus_the_strength(strength):
    x = np.random.default_rng(0).normal(size=(3, 4))
    value, gradient = value_and_gradient(lambda x: reverse_gradient(x, strength), x)
    np.testing.assert_allclose(value, (x**2).sum(), rtol=1e-12)
    np.testing.assert_allclose(gradient, -strength * 2 * x, rtol=1e-7)  # a float32 strength


def test_the_layer_takes_its_own_strength_or_that_of_a_call():
    x = np.float32([[1.0, -2.0]])
    layer = GradientReversal(0.25)
    _, own = value_and_gradient(layer, x)
    np.testing.assert_array_equal(own, -0.5 * x)
    _, of_call = value_and_gradient(lambda x: layer(x, ops.convert_to_tensor(0.5)), x)
    np.testing.assert_array_equal(of_call, -x)
    _, none = value_and_gradient(lambda x: layer(x, strength=0.0), x)
    np.testing.assert_array_equal(none, 0 * x)


@pytest.mark.parametrize("slope", [10.0, 3.0])
def test_the_strength_rises_as_ganin_has_it(slope):
    progress = np.linspace(0, 1.025, 42)
    expected = 2 / (1 + np.exp(-slope * progress)) - 1
    found = ops.convert_to_numpy(reversal_strength(progress, slope=slope))
    assert found.dtype == np.float32 and found[0] == 0
    np.testing.assert_allclose(found, expected, atol=2e-7)


def test_points_of_the_schedule():
    points = {0.0: 0.0, 0.025: 0.1244, 0.5: 0.9866, 1.0: 0.9999}
    for progress, strength in points.items():
        assert float(reversal_strength(progress)) == pytest.approx(strength, abs=5e-5)


def test_config_and_shape():
    layer = GradientReversal(0.3, name="reversal")
    assert GradientReversal.from_config(layer.get_config()).get_config() == layer.get_config()
    assert layer.get_config()["strength"] == 0.3
    assert layer(keras.Input((2, 3))).shape == (None, 2, 3)
