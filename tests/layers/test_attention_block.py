"""The layer around an attention, against its two lines of equations."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.attention_block import AttentionBlock
from kavc.layers.segment_attention import ContextAttention, HybridAttention, SegmentAttention

DIM, UNITS = 8, 6
# Float64, sums in another order; but some operations of Keras on JAX answer in float32 (3.15).
TOLERANCE = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6
EXACT = {"rtol": TOLERANCE, "atol": TOLERANCE}


def built(kind=SegmentAttention, dropout=0.0):
    """A block without zeros among its weights, and inputs so small that epsilon shows."""
    layer = AttentionBlock(kind(DIM, dropout=0.0, dtype="float64"), UNITS, dropout, dtype="float64")
    x = 0.01 * np.random.default_rng(0).normal(size=(2, 2, 5, DIM))
    layer(x)
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    layer.attention.weights[0].assign(0.001 * ops.convert_to_numpy(layer.attention.weights[0]))
    return layer, x


def normalised(x, norm):
    gamma, beta = map(ops.convert_to_numpy, (norm.gamma, norm.beta))
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * gamma + beta


def linear(layer):
    return ops.convert_to_numpy(layer.kernel), ops.convert_to_numpy(layer.bias)


def parts(layer, x):
    """What the block puts together: u and its feed-forward part."""
    (w1, b1), (w2, b2) = linear(layer.hidden), linear(layer.output_layer)
    u = normalised(x + ops.convert_to_numpy(layer.attention(x)), layer.norm_1)
    return u, np.maximum(u @ w1 + b1, 0) @ w2 + b2


@pytest.mark.parametrize("kind", [SegmentAttention, HybridAttention, ContextAttention])
def test_it_is_its_equations(kind):
    layer, x = built(kind)
    u, fed = parts(layer, x)
    np.testing.assert_allclose(layer(x), normalised(u + fed, layer.norm_2), **EXACT)


def test_epsilon_shows_where_the_numbers_are_small():
    layer, x = built()
    for weight in layer.attention.weights:
        weight.assign(np.zeros(weight.shape))
    with_keras_own = keras.layers.LayerNormalization(dtype="float64")(x)
    gamma, beta = map(ops.convert_to_numpy, (layer.norm_1.gamma, layer.norm_1.beta))
    found = ops.convert_to_numpy(layer.norm_1(x))
    np.testing.assert_allclose(found, normalised(x, layer.norm_1), **EXACT)
    assert np.abs(found - (ops.convert_to_numpy(with_keras_own) * gamma + beta)).max() > 0.1


def test_dropout_of_the_feed_forward_part():
    layer, x = built(dropout=0.5)
    u, fed = parts(layer, x)
    layer.drop_hidden.rate = 0.0
    layer.norm_2 = lambda x: x  # what is normalised
    found = ops.convert_to_numpy(layer(x, training=True)) - u
    kept = np.abs(found) > 1e-3
    np.testing.assert_allclose(found[kept], 2 * fed[kept], **EXACT)
    assert 0.3 < kept.mean() < 0.7  # of 160


def test_dropout_of_the_hidden_layer():
    layer, x = built(dropout=0.5)
    seen = []
    layer.output_layer = lambda x: seen.append(ops.convert_to_numpy(x)) or ops.zeros((1, 1, 1, 1))
    layer(x, training=False), layer(x, training=True)
    without, found = seen
    assert np.all(without >= 0) and without.any()
    kept = (found != 0)[without > 0].mean()
    np.testing.assert_allclose(found[found != 0], 2 * without[found != 0], **EXACT)
    assert 0.2 < kept < 0.8  # of some 60


def test_the_attention_is_told_that_it_is_training():
    x = np.random.default_rng(0).normal(size=(2, 2, 5, DIM))
    layer = AttentionBlock(SegmentAttention(DIM, dropout=0.5), UNITS, dropout=0.0)
    assert np.any(layer(x, training=True) != layer(x, training=False))


def test_parameters_of_the_published_hybrid_layer():
    block = AttentionBlock(HybridAttention(512), 512)
    block.build((None, 2, 10, 512))
    assert block.count_params() == 2_628_608


def test_config_and_shape():
    layer = AttentionBlock(HybridAttention(8, heads=2, dropout=0.2), 6, 0.3, name="block")
    again = AttentionBlock.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert type(again.attention) is HybridAttention
    assert (again.attention.heads, again.units, again.dropout) == (2, 6, 0.3)
    assert layer(keras.Input((2, 5, 8))).shape == (None, 2, 5, 8)


def test_a_block_that_is_built_is_made_again_from_its_config():
    """Keras hands it an attention that is built, and may use the config once more."""
    layer, x = built()
    config = keras.saving.serialize_keras_object(layer)
    for _ in range(2):
        again = keras.saving.deserialize_keras_object(config)
        again.set_weights(layer.get_weights())
        np.testing.assert_array_equal(again(x), layer(x))
