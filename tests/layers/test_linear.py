"""The dense layer that begins as PyTorch's."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.linear import Linear


def built(shape, dtype="float64", **options):
    layer = Linear(5, dtype=dtype, **options)
    layer.build(shape)
    return layer


@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 3), (2, 2, 4, 3)])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_it_is_the_product_over_the_last_axis(shape, activation):
    layer, x = built(shape, activation=activation), np.random.default_rng(0).normal(size=shape)
    kernel, bias = map(ops.convert_to_numpy, (layer.kernel, layer.bias))
    expected = np.einsum("...i,ij->...j", x, kernel) + bias
    expected = np.maximum(expected, 0) if activation else expected
    np.testing.assert_allclose(layer(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dim", [512, 2048])
def test_kernel_and_bias_begin_uniform_within_one_over_the_root_of_the_width(dim):
    keras.utils.set_random_seed(0)
    layer = Linear(512)
    layer.build((None, dim))
    bound = dim**-0.5
    for weight in (layer.kernel, layer.bias):
        drawn = ops.convert_to_numpy(weight)
        assert np.abs(drawn).max() <= bound
        # Of 512 numbers at least the largest is past 0.95 of the bound, but once in 2e11.
        assert drawn.min() < -0.95 * bound and drawn.max() > 0.95 * bound
        assert abs(drawn.mean()) < 4 * bound / np.sqrt(3 * drawn.size)
        assert drawn.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)


def test_the_bias_may_begin_with_zeros():
    layer = built((None, 3), bias="zeros")
    assert not np.any(layer.bias)
    assert np.all(ops.convert_to_numpy(layer.kernel) != 0)


def test_another_beginning_of_the_bias():
    with pytest.raises(ValueError, match="bias must be one of uniform, zeros; received: 'ones'"):
        Linear(5, bias="ones")


def test_config_and_shape():
    layer = Linear(5, activation="relu", bias="zeros", name="fc")
    again = Linear.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.units, again.bias_begins, again.name) == (5, "zeros", "fc")
    assert again.activation is keras.activations.relu
    assert layer(keras.Input((2, 3))).shape == (None, 2, 5)


def test_a_gain_widens_the_kernel_alone():
    layer = Linear(2000, gain=6**0.5)
    layer.build((None, 64))
    kernel, bias = (np.abs(ops.convert_to_numpy(w)).max() for w in (layer.kernel, layer.bias))
    assert 0.99 * (6 / 64) ** 0.5 < kernel < (6 / 64) ** 0.5
    assert 0.99 * 64**-0.5 < bias < 64**-0.5
    assert Linear.from_config(layer.get_config()).gain == 6**0.5
