"""TorchAdam against the paper's algorithm, step by step in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.optimizers import TorchAdam

STEPS = 100


def gradients(dtype="float64"):
    """Of orders 1 to 1e-12, where epsilon decides."""
    scale = 10.0 ** -np.arange(0, 13, 2)
    drawn = np.random.default_rng(0).normal(size=(STEPS, scale.size)) * scale
    return drawn.astype(dtype)


def adam(gradients, rates, *, beta_1=0.9, beta_2=0.999, epsilon=1e-8, decay=0.0):
    """Algorithm 1 of Kingma and Ba from zeros; returns the variable after each step."""
    x = m = v = np.zeros(gradients.shape[1])
    found = []
    for t, (g, rate) in enumerate(zip(np.float64(gradients), rates, strict=True), 1):
        x = x - rate * decay * x
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        corrected = m / (1 - beta_1**t), v / (1 - beta_2**t)
        x = x - rate * corrected[0] / (np.sqrt(corrected[1]) + epsilon)
        found.append(x)
    return np.array(found)


def stepped(optimizer, gradients):
    """What the optimizer makes of zeros, after each step."""
    x = keras.Variable(np.zeros(gradients.shape[1]), dtype=gradients.dtype.name)
    found = []
    for g in gradients:
        optimizer.apply([ops.convert_to_tensor(g)], [x])
        found.append(ops.convert_to_numpy(x))
    return np.array(found)


@pytest.mark.parametrize("options", [{}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-4}])
def test_it_is_the_papers_algorithm(options):
    expected = adam(gradients(), [2**-10] * STEPS, **options)  # a rate that float32 holds
    found = stepped(TorchAdam(2**-10, **options), gradients())
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_keras_own_is_another():
    """Else the tests would see no difference between the two."""
    expected = adam(gradients(), [2**-10] * STEPS)
    found = stepped(keras.optimizers.Adam(2**-10, epsilon=1e-8), gradients())
    assert np.abs(found[0] / expected[0] - 1).max() > 0.1


def test_every_step_is_exact_in_float32():
    """The corrections too, which are small differences from 1 in the first steps."""
    g = gradients("float32")
    expected = adam(g, [2**-10] * STEPS)
    found = stepped(TorchAdam(2**-10), g)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    scale = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-5)


def test_the_rate_follows_a_schedule():
    schedule = keras.optimizers.schedules.ExponentialDecay(2**-10, 50, 0.5, staircase=True)
    expected = adam(gradients(), 2.0 ** -(10 + np.arange(STEPS) // 50))
    np.testing.assert_allclose(stepped(TorchAdam(schedule), gradients()), expected, rtol=1e-9)


def test_weight_decay_is_decoupled():
    options = {"weight_decay": 0.125}
    expected = adam(gradients(), [2**-10] * STEPS, decay=0.125)
    found = stepped(TorchAdam(2**-10, **options), gradients())
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_whole_gradient_may_be_clipped():
    g = gradients()
    norms = np.linalg.norm(g, axis=1, keepdims=True)
    expected = adam(g * np.minimum(1, 0.5 / norms), [2**-10] * STEPS)
    found = stepped(TorchAdam(2**-10, global_clipnorm=0.5), g)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_it_is_made_again_from_its_config():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.25, 7, 0.5)
    optimizer = TorchAdam(schedule, beta_1=0.5, weight_decay=0.1, global_clipnorm=2.0)
    config = keras.optimizers.serialize(optimizer)
    again = keras.optimizers.deserialize(config)
    assert type(again) is TorchAdam
    assert again.get_config() == optimizer.get_config()
    assert (again.epsilon, again.beta_1, again.name) == (1e-8, 0.5, "torch_adam")
    g = gradients()[:20]
    np.testing.assert_array_equal(stepped(again, g), stepped(optimizer, g))


def test_amsgrad():
    with pytest.raises(ValueError, match="amsgrad is not supported"):
        TorchAdam(amsgrad=True)
