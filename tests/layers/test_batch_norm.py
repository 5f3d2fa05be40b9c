"""Batch normalisation against its closed form, with the running variance that PyTorch keeps."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.batch_norm import UnbiasedBatchNormalization

DIM = 4


def built(dtype="float64", **options):
    layer = UnbiasedBatchNormalization(dtype=dtype, **options)
    layer.build((None, DIM))
    layer.gamma.assign([1.0, 2.0, -1.0, 0.5])
    layer.beta.assign([0.0, 1.0, 2.0, 3.0])
    return layer


def rows(count=6, seed=0):
    return np.random.default_rng(seed).normal([1, 0, -3, 0], [1, 2, 0.1, 1e-3], size=(count, DIM))


def normalised(layer, x, mean, variance):
    gamma, beta = map(ops.convert_to_numpy, (layer.gamma, layer.beta))
    return (x - mean) / np.sqrt(variance + layer.epsilon) * gamma + beta


def test_in_training_the_biased_variance_is_used():
    layer, x = built(), rows()
    expected = normalised(layer, x, x.mean(0), x.var(0))
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-9, atol=1e-12)


def test_running_averages_keep_the_unbiased_variance():
    layer, mean, variance = built(momentum=0.7), np.zeros(DIM), np.ones(DIM)
    for seed, count in enumerate((6, 2, 9)):
        x = rows(count, seed)
        layer(x, training=True)
        mean = 0.7 * mean + 0.3 * x.mean(0)
        variance = 0.7 * variance + 0.3 * x.var(0, ddof=1)
        np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-9)


@pytest.mark.parametrize("training", [False, None])
def test_in_evaluation_the_running_averages_are_used_and_left(training):
    layer, x = built(), rows()
    layer(x, training=True)
    mean, variance = (ops.convert_to_numpy(w) for w in (layer.moving_mean, layer.moving_variance))
    y = rows(1, seed=1)
    found = layer(y, training=training)
    np.testing.assert_allclose(found, normalised(layer, y, mean, variance), rtol=1e-9)
    np.testing.assert_array_equal(layer.moving_mean, mean)
    np.testing.assert_array_equal(layer.moving_variance, variance)


def test_it_begins_as_pytorch_does():
    layer = UnbiasedBatchNormalization()
    layer.build((None, DIM))
    assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)
    begun = [ops.convert_to_numpy(weight)[0] for weight in layer.weights]
    assert begun == [1, 0, 0, 1]
    assert [weight.name for weight in layer.trainable_weights] == ["gamma", "beta"]
    assert [w.name for w in layer.non_trainable_weights] == ["moving_mean", "moving_variance"]


def test_a_single_row_gives_the_bias_and_stays_finite():
    layer = built()
    np.testing.assert_allclose(layer(rows(1), training=True)[0], layer.beta, atol=1e-12)
    assert np.isfinite(ops.convert_to_numpy(layer.moving_variance)).all()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_in_and_out_and_float32_between(policy):
    """A variance of 1e-8 is 0 in float16; squares of 300 are past its largest number."""
    layer = built(policy, epsilon=1e-12)
    x = ops.cast(np.float32([[1e-4, 300, 1, 0], [-1e-4, -300, 2, 1]]), layer.compute_dtype)
    found = layer(x, training=True)
    assert keras.backend.standardize_dtype(found.dtype) == layer.compute_dtype
    found = ops.convert_to_numpy(ops.cast(found, "float32"))
    np.testing.assert_allclose(found, [[1, 3, 3, 2.5], [-1, -1, 1, 3.5]], rtol=0.01)
    x = ops.convert_to_numpy(ops.cast(x, "float64"))
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    expected = 0.9 + 0.1 * x.var(0, ddof=1)
    np.testing.assert_allclose(layer.moving_variance, expected, rtol=1e-6)


def test_config_and_shape():
    layer = UnbiasedBatchNormalization(momentum=0.5, epsilon=1e-3, name="norm")
    again = UnbiasedBatchNormalization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.momentum, again.epsilon) == (0.5, 1e-3)
    assert layer(keras.Input((DIM,))).shape == (None, DIM)
