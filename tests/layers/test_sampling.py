"""Sampling from Gaussians: means in inference, moments of the draws, and the gradient's way."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from kavc.layers.sampling import GaussianSampling


def test_in_inference_it_gives_the_mean():
    mean, log_variance = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    found = GaussianSampling()(mean, log_variance)
    np.testing.assert_array_equal(ops.convert_to_numpy(found), mean)


def test_draws_have_the_moments():
    mean = np.tile(np.float32([1.0, -2.0]), (200_000, 1))
    log_variance = np.tile(np.log(np.float32([0.25, 4.0])), (200_000, 1))
    drawn = ops.convert_to_numpy(GaussianSampling(seed=0)(mean, log_variance, training=True))
    np.testing.assert_allclose(drawn.mean(axis=0), [1.0, -2.0], atol=0.03)
    np.testing.assert_allclose(drawn.std(axis=0), [0.5, 2.0], rtol=0.02)


def test_each_call_draws_anew_and_the_seed_decides():
    zeros = np.zeros((5, 3), "float32")
    first, again = GaussianSampling(seed=1), GaussianSampling(seed=1)
    one, two = (ops.convert_to_numpy(first(zeros, zeros, training=True)) for _ in range(2))
    assert (one != two).all()
    same = ops.convert_to_numpy(again(zeros, zeros, training=True))
    np.testing.assert_array_equal(one, same)


def test_config_round_trip():
    layer = GaussianSampling(seed=7, name="draw")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert again.get_config() == layer.get_config()
