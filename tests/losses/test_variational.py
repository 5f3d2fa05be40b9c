"""Losses of variational autoencoders against closed forms and sampled ones, in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.losses.variational import distance, gaussian_kl, gaussian_wasserstein, pair_error

# Float64, sums in another order; but some operations of Keras on JAX answer in float32 (3.15).
EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="gradients are taken with tf.GradientTape"
)


@pytest.fixture
def gaussians():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, 5, 3))


def test_the_divergence_is_the_mean_of_log_ratios(gaussians):
    mean, log_variance = gaussians[0, :1], gaussians[1, :1]
    noise = np.random.default_rng(1).normal(size=(400_000, 3))
    z = mean + np.exp(log_variance / 2) * noise
    ratio = (z**2 - noise**2 - log_variance).sum(axis=1) / 2
    found = ops.convert_to_numpy(gaussian_kl(mean, log_variance))
    assert found.shape == (1,)
    assert abs(found[0] - ratio.mean()) < 5 * ratio.std() / len(ratio) ** 0.5


def test_the_divergence_of_the_standard_one_is_0():
    assert not ops.convert_to_numpy(gaussian_kl(np.zeros((2, 3)), np.zeros((2, 3)))).any()


def test_wasserstein_is_of_means_and_deviations(gaussians):
    m1, l1, m2, l2 = gaussians
    expected = np.sqrt(((m1 - m2) ** 2).sum(-1) + ((np.exp(l1 / 2) - np.exp(l2 / 2)) ** 2).sum(-1))
    found = ops.convert_to_numpy(gaussian_wasserstein(m1, l1, m2, l2))
    np.testing.assert_allclose(found, expected, EXACT)


def test_wasserstein_of_two_gaussians_in_one_dimension_is_that_of_their_quantiles():
    quantiles = np.random.default_rng(0).normal(size=2_000_000)
    first, second = 1.0 + 2.0 * quantiles, -0.5 + 0.5 * quantiles
    expected = np.sqrt(np.mean((first - second) ** 2))
    found = gaussian_wasserstein(np.array([1.0]), np.log([4.0]), np.array([-0.5]), np.log([0.25]))
    assert abs(float(found) - expected) < 3e-3


def test_distances(gaussians):
    x, y = gaussians[:2]
    rows = ops.convert_to_numpy(distance(x, y))
    np.testing.assert_allclose(rows, np.linalg.norm(x - y, axis=-1), EXACT)
    whole = ops.convert_to_numpy(distance(x, y, axis=None))
    np.testing.assert_allclose(whole, np.linalg.norm(x - y), EXACT)
    floor = ops.convert_to_numpy(distance(x, x, epsilon=1e-7))
    np.testing.assert_allclose(floor, np.full(5, 1e-7**0.5))


@on_tensorflow
@pytest.mark.parametrize("of", [distance, lambda x, y: gaussian_wasserstein(x, 0 * x, y, 0 * y)])
def test_no_gradient_where_there_is_no_distance(of):
    import tensorflow as tf

    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    y = tf.constant([[1.0, 2.0], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = ops.sum(of(x, y))
    np.testing.assert_allclose(tape.gradient(found, x), [[0, 0], [0.6, 0.8]], 1e-6)


def test_errors_are_means_over_features(gaussians):
    found = ops.convert_to_numpy(pair_error(gaussians[0], gaussians[1]))
    np.testing.assert_allclose(found, ((gaussians[0] - gaussians[1]) ** 2).mean(-1), EXACT)
