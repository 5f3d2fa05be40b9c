"""Attention among segments against equations written out for one video and one stream at a time."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.segment_attention import (
    ContextAttention,
    HybridAttention,
    SegmentAttention,
    dot_product_attention,
    swap_streams,
)

DIM, SEGMENTS = 8, 5
# Float64, sums in another order; but some operations of Keras on JAX answer in float32 (3.15).
TOLERANCE = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6
EXACT = {"rtol": TOLERANCE, "atol": TOLERANCE}
LAYERS = (SegmentAttention, HybridAttention, ContextAttention)
HEADS = pytest.mark.parametrize("heads", [1, 4])
KEYS = pytest.mark.parametrize("keys", ["own", "other"])


def built(kind, dtype="float64", **options):
    """A layer without zeros among its weights, and two videos."""
    layer = kind(DIM, dtype=dtype, **options)
    x = np.random.default_rng(0).normal(size=(2, 2, SEGMENTS, DIM))
    layer(x)
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer, x


def linear(layer):
    return ops.convert_to_numpy(layer.kernel), ops.convert_to_numpy(layer.bias)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def attention(query, key, value, heads):
    """Of one stream, (segments, dim)."""
    out = []
    for q, k, v in zip(*(np.split(x, heads, axis=1) for x in (query, key, value)), strict=True):
        weights = np.exp(q @ k.T / np.sqrt(DIM / heads))
        out.append(weights / weights.sum(axis=1, keepdims=True) @ v)
    return np.concatenate(out, axis=1)


def plain(x, z, projection, bias, output, heads):
    """Queries of x, keys and values of z."""
    wq, wk, wv = np.split(projection, 3, axis=1)
    bq, bk, bv = np.split(bias, 3)
    kernel, output_bias = output
    return attention(x @ wq + bq, z @ wk + bk, z @ wv + bv, heads) @ kernel + output_bias


def with_context(layer, x, z, heads):
    """The equations of global-context-aware attention, queries of x, keys and values of z."""
    (wq, wk, wv), (bq, bk, bv) = (np.split(part, 3, axis=-1) for part in linear(layer.segments))
    (wqc, wkc), (bqc, bkc) = (np.split(part, 2, axis=-1) for part in linear(layer.context))
    q, k, v = x @ wq + bq, z @ wk + bk, z @ wv + bv
    qc, kc = x.mean(axis=0) @ wqc + bqc, z.mean(axis=0) @ wkc + bkc
    gates = [linear(getattr(layer, name)) for name in layer.GATES]
    of_q, of_qc, of_k, of_kc = (
        part @ kernel + bias for part, (kernel, bias) in zip((q, qc, k, kc), gates, strict=True)
    )
    lq, lk = sigmoid(of_q + of_qc), sigmoid(of_k + of_kc)  # (segments, 1)
    kernel, bias = linear(layer.output_projection)
    mixed = attention((1 - lq) * q + lq * qc, (1 - lk) * k + lk * kc, v, heads)
    return mixed @ kernel + bias


def each_stream(function, x, keys):
    """Applies `function(asking, asked)` to each stream of each video."""
    return np.stack(
        [[function(video[s], video[s if keys == "own" else 1 - s]) for s in (0, 1)] for video in x]
    )


@HEADS
@KEYS
def test_segment_attention(heads, keys):
    layer, x = built(SegmentAttention, heads=heads, keys=keys)
    weights = map(ops.convert_to_numpy, (layer.projection, layer.projection_bias))
    weights = [*weights, linear(layer.output_projection), heads]
    expected = each_stream(lambda x, z: plain(x, z, *weights), x, keys)
    np.testing.assert_allclose(layer(x), expected, **EXACT)


@HEADS
def test_hybrid_attention_is_the_sum_of_both_kinds(heads):
    layer, x = built(HybridAttention, heads=heads)
    projections = np.split(ops.convert_to_numpy(layer.projection), 2, axis=1)
    biases = np.split(ops.convert_to_numpy(layer.projection_bias), 2)
    outputs = linear(layer.own_output), linear(layer.other_output)
    expected = 0
    for keys, *weights in zip(("own", "other"), projections, biases, outputs, strict=True):
        expected = expected + each_stream(
            lambda x, z, weights=weights: plain(x, z, *weights, heads), x, keys
        )
    np.testing.assert_allclose(layer(x), expected, **EXACT)


@HEADS
@KEYS
@pytest.mark.parametrize("first", [False, True], ids=["equations", "first segment"])
def test_context_attention(heads, keys, first):
    layer, x = built(ContextAttention, heads=heads, keys=keys, first_segment=first)
    expected = each_stream(lambda x, z: with_context(layer, x, z, heads), x, keys)
    if first:
        expected = np.repeat(expected[:, :, :1], SEGMENTS, axis=2)
    np.testing.assert_allclose(layer(x), expected, **EXACT)


@HEADS
@KEYS
def test_context_attention_with_closed_gates_is_segment_attention(heads, keys):
    layer, x = built(ContextAttention, heads=heads, keys=keys)
    for name in ("query_gate", "key_gate"):
        getattr(layer, name).bias.assign([-1e4])
    other, _ = built(SegmentAttention, heads=heads, keys=keys)
    other.projection.assign(layer.segments.kernel)
    other.projection_bias.assign(layer.segments.bias)
    for weight in ("kernel", "bias"):
        getattr(other.output_projection, weight).assign(getattr(layer.output_projection, weight))
    np.testing.assert_allclose(layer(x), other(x), **EXACT)


@KEYS
def test_every_segment_attends_alike_where_the_gate_of_queries_is_open(keys):
    layer, x = built(ContextAttention, keys=keys)
    assert np.ptp(layer(x), axis=2).min() > 0.01
    layer.query_gate.bias.assign([1e4])
    np.testing.assert_allclose(np.ptp(layer(x), axis=2), 0, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_streams_that_change_places_get_each_others_answers(kind):
    layer, x = built(kind)
    np.testing.assert_allclose(layer(x[:, ::-1]), swap_streams(layer(x)), **EXACT)


def test_other_streams_are_asked_for_keys_alone():
    layer, x = built(SegmentAttention, keys="other")
    other = x.copy()
    other[:, 1] += np.random.default_rng(2).normal(size=other[:, 1].shape)
    moved = np.abs(ops.convert_to_numpy(layer(other)) - layer(x)).max(axis=(0, 2, 3))
    assert np.all(moved > 0.01)
    own, _ = built(SegmentAttention, keys="own")
    moved = np.abs(ops.convert_to_numpy(own(other)) - own(x)).max(axis=(0, 2, 3))
    assert moved[0] == 0 and moved[1] > 0.01


# === Dropout ===


def test_dropout_is_of_the_weights():
    layer, _ = built(SegmentAttention, dropout=0.5)
    rng = np.random.default_rng(0)
    query, key = rng.normal(size=(2, 40, SEGMENTS, DIM))
    identity = np.broadcast_to(np.eye(SEGMENTS), (40, SEGMENTS, SEGMENTS))
    weights = ops.convert_to_numpy(dot_product_attention(query, key, identity))
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-12)
    found = ops.convert_to_numpy(layer.attend(query, key, identity, True))
    kept = found != 0
    np.testing.assert_allclose(found[kept], 2 * weights[kept], **EXACT)
    assert 0.4 < kept.mean() < 0.6  # of 1000
    np.testing.assert_array_equal(layer.attend(query, key, identity, False), weights)


@pytest.mark.parametrize("kind", [SegmentAttention, ContextAttention])
def test_dropout_is_of_the_output_too(kind):
    layer, x = built(kind, dropout=0.5)
    expected = ops.convert_to_numpy(layer(x, training=False))
    layer.drop.rate = 0.0
    found = ops.convert_to_numpy(layer(x, training=True))
    kept = found != 0
    np.testing.assert_allclose(found[kept], 2 * expected[kept], **EXACT)
    assert 0.3 < kept.mean() < 0.7  # of 160


def test_either_kind_of_hybrid_attention_is_dropped_by_itself():
    layer, x = built(HybridAttention, dropout=0.5)
    whole = ops.convert_to_numpy(layer(x, training=False))
    layer.drop.rate = layer.drop_other.rate = 0.0
    own_dropped = ops.convert_to_numpy(layer(x, training=True))
    layer.own_output.kernel.assign(np.zeros((DIM, DIM)))
    layer.own_output.bias.assign(np.zeros(DIM))
    other = ops.convert_to_numpy(layer(x, training=False))
    kept = own_dropped != other
    np.testing.assert_allclose(own_dropped[kept], (2 * whole - other)[kept], rtol=0, atol=1e-9)
    assert 0.3 < kept.mean() < 0.7


# === Beginnings, mistakes ===


@pytest.mark.parametrize("kind", [SegmentAttention, HybridAttention])
def test_projections_begin_as_one_matrix_of_pytorch(kind):
    layer = kind(512)
    layer.build((None, 2, 10, 512))
    bound = np.sqrt(6 / (512 + 1536))
    assert bound == pytest.approx(0.0541, abs=5e-5)
    drawn = ops.convert_to_numpy(layer.projection)
    assert drawn.min() == pytest.approx(-bound, rel=1e-3) and drawn.min() >= -bound
    assert drawn.max() == pytest.approx(bound, rel=1e-3) and drawn.max() <= bound
    assert drawn.std() == pytest.approx(bound / np.sqrt(3), rel=0.01)
    assert not np.any(layer.projection_bias)
    outputs = [each for each in vars(layer).values() if hasattr(each, "bias_begins")]
    assert len(outputs) == {SegmentAttention: 1, HybridAttention: 2}[kind]
    for output in outputs:
        kernel, bias = linear(output)
        assert np.abs(kernel).max() == pytest.approx(512**-0.5, rel=1e-3)
        assert not bias.any()


def test_context_attention_begins_as_linear_layers():
    layer = ContextAttention(512)
    layer.build((None, 2, 10, 512))
    parts = [layer.segments, layer.context, layer.output_projection]
    for part in (*parts, *(getattr(layer, name) for name in layer.GATES)):
        kernel, bias = linear(part)
        assert np.abs(kernel).max() == pytest.approx(512**-0.5, rel=0.05)
        assert np.all(bias != 0) and np.abs(bias).max() <= 512**-0.5


def test_heads_that_do_not_divide():
    with pytest.raises(ValueError, match="heads must divide dim; received: heads=3, dim=8"):
        SegmentAttention(8, heads=3)


@pytest.mark.parametrize("kind", [SegmentAttention, ContextAttention])
def test_unknown_keys(kind):
    with pytest.raises(ValueError, match="keys must be one of own, other; received: 'both'"):
        kind(8, keys="both")


@pytest.mark.parametrize("kind", LAYERS)
def test_config_and_shape(kind):
    options = {} if kind is HybridAttention else {"keys": "other"}
    if kind is ContextAttention:
        options["first_segment"] = True
    layer = kind(8, heads=2, dropout=0.3, name="attention", **options)
    config = layer.get_config()
    again = kind.from_config(config)
    assert again.get_config() == config
    wanted = {"dim": 8, "heads": 2, "dropout": 0.3, "name": "attention"} | options
    assert wanted.items() <= config.items()
    assert layer(keras.Input((2, 5, 8))).shape == (None, 2, 5, 8)
    rates = [part.rate for part in vars(layer).values() if isinstance(part, keras.layers.Dropout)]
    assert rates == [0.3] * len(rates) and len(rates) > 1
