"""The discriminator against its layers written out."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.modality_discriminator import ModalityDiscriminator

DIM = 6


def built(units=(5, 3)):
    layer = ModalityDiscriminator(units, dtype="float64")
    layer.build((None, DIM))
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(1 + rng.random(weight.shape) - 0.5 * (weight.name == "kernel"))
    return layer, np.random.default_rng(0).normal(size=(8, DIM))


def expected(layer, x, training):
    """Logits and what each normalisation saw."""
    seen = []
    for hidden, norm in zip(layer.hidden, layer.norms, strict=True):
        x = x @ ops.convert_to_numpy(hidden.kernel) + ops.convert_to_numpy(hidden.bias)
        seen.append(x)
        gamma, beta, mean, variance = map(ops.convert_to_numpy, norm.weights)
        if training:
            mean, variance = x.mean(0), x.var(0)
        x = np.maximum((x - mean) / np.sqrt(variance + 1e-5) * gamma + beta, 0)
    kernel, bias = map(ops.convert_to_numpy, (layer.logit.kernel, layer.logit.bias))
    return (x @ kernel + bias)[:, 0], seen


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("units", [(5, 3), (4,)])
def test_it_is_its_layers(training, units):
    layer, x = built(units)
    right, _ = expected(layer, x, training)
    assert np.ptp(right) > 0.01
    np.testing.assert_allclose(layer(x, training=training), right, rtol=1e-9)


def test_training_moves_the_running_averages_and_evaluation_leaves_them():
    layer, x = built()
    before = [ops.convert_to_numpy(norm.moving_mean) for norm in layer.norms]
    layer(x, training=False)
    for norm, mean in zip(layer.norms, before, strict=True):
        np.testing.assert_array_equal(norm.moving_mean, mean)
    _, seen = expected(layer, x, training=True)
    layer(x, training=True)
    for norm, mean, rows in zip(layer.norms, before, seen, strict=True):
        np.testing.assert_allclose(norm.moving_mean, 0.9 * mean + 0.1 * rows.mean(0), rtol=1e-9)


def test_parameters_of_the_published_one():
    layer = ModalityDiscriminator()
    layer.build((None, 512))
    dense = (512 * 128 + 128) + (128 * 10 + 10) + (10 + 1)
    trained = sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
    kept = sum(int(np.prod(weight.shape)) for weight in layer.non_trainable_weights)
    assert trained == dense + 2 * (128 + 10)
    assert kept == 2 * (128 + 10)


def test_config_and_shape():
    layer = ModalityDiscriminator((7, 2), name="discriminator")
    again = ModalityDiscriminator.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.units == (7, 2)
    assert layer(keras.Input((DIM,))).shape == (None,)
