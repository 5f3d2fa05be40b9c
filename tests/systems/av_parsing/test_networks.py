"""The networks against their equations, written out in NumPy for one video at a time."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.segment_attention import ContextAttention
from kavc.systems.av_parsing.networks import HAN, Base, BaseAdvSkip, BaseAdvSkipGCAA, BaseGCAA

VIDEOS, SEGMENTS, FRAMES, DIM, UNITS, CLASSES = 2, 4, 3, 8, 6, 5
WIDTHS = {"audio_dim": 7, "visual_dim": 9, "visual_3d_dim": 6}
AFTER_HAN = (Base, BaseGCAA, BaseAdvSkip, BaseAdvSkipGCAA)
WITH_CONTEXT = (BaseGCAA, BaseAdvSkipGCAA)
WITH_SKIP = (BaseAdvSkip, BaseAdvSkipGCAA)
# Float64, some thirty sums; but some operations of Keras on JAX answer in float32 (3.15).
TOLERANCE = 1e-10 if keras.backend.backend() == "tensorflow" else 2e-5
EXACT = {"rtol": TOLERANCE, "atol": TOLERANCE}


def small(kind, **options):
    """A network without zeros among its weights."""
    options = WIDTHS | {"segments": SEGMENTS, "dim": DIM, "units": UNITS} | options
    network = kind(CLASSES, **options, dtype="float64")
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(rng.normal(size=weight.shape) / np.sqrt(DIM))
    return network


def videos(frames_per_segment=1, **widths):
    rng = np.random.default_rng(1)
    widths = WIDTHS | widths
    return {
        "audio": rng.normal(size=(VIDEOS, SEGMENTS, widths["audio_dim"])),
        "visual": rng.normal(size=(VIDEOS, SEGMENTS * frames_per_segment, widths["visual_dim"])),
        "visual_3d": rng.normal(size=(VIDEOS, SEGMENTS, widths["visual_3d_dim"])),
    }


# === The equations ===


def array(x):
    return ops.convert_to_numpy(x)


def linear(layer, x):
    return x @ array(layer.kernel) + array(layer.bias)


def norm(layer, x):
    x = x - x.mean(axis=-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-5)
    return x * array(layer.gamma) + array(layer.beta)


def softmax(x, axis):
    weights = np.exp(x)
    return weights / weights.sum(axis=axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def attention(layer, x, z):
    """att(x, z, z), plain or with the context of x and z; (segments, DIM)."""
    if isinstance(layer, ContextAttention):
        query, key, value = with_context(layer, x, z)
    else:
        of_x, of_z = (t @ array(layer.projection) + array(layer.projection_bias) for t in (x, z))
        query, key, value = of_x[:, :DIM], of_z[:, DIM : 2 * DIM], of_z[:, 2 * DIM :]
    heads = [
        softmax(q @ k.T / np.sqrt(DIM / layer.heads), axis=1) @ v
        for q, k, v in zip(
            *(np.split(t, layer.heads, axis=1) for t in (query, key, value)), strict=True
        )
    ]
    out = linear(layer.output_projection, np.concatenate(heads, axis=1))
    if getattr(layer, "first_segment", False):
        return np.broadcast_to(out[:1], out.shape)
    return out


def with_context(layer, x, z):
    query = linear(layer.segments, x)[:, :DIM]
    key, value = np.split(linear(layer.segments, z)[:, DIM:], 2, axis=1)
    query_context = linear(layer.context, x.mean(axis=0))[:DIM]
    key_context = linear(layer.context, z.mean(axis=0))[DIM:]
    lq = sigmoid(linear(layer.query_gate, query) + linear(layer.query_context_gate, query_context))
    lk = sigmoid(linear(layer.key_gate, key) + linear(layer.key_context_gate, key_context))
    return (1 - lq) * query + lq * query_context, (1 - lk) * key + lk * key_context, value


def block(layer, x, z):
    u = norm(layer.norm_1, x + attention(layer.attention, x, z))
    hidden = np.maximum(linear(layer.hidden, u), 0)
    return norm(layer.norm_2, u + linear(layer.output_layer, hidden))


def encoded(network, video):
    get = network.get_layer
    frames = linear(get("fc_visual"), video["visual"])
    visual = frames.reshape(SEGMENTS, -1, DIM).mean(axis=1)
    if "visual_3d" in network.input:
        clips = linear(get("fc_visual_3d"), video["visual_3d"])
        visual = linear(get("fc_fusion"), np.concatenate([visual, clips], axis=1))
    return linear(get("fc_audio"), video["audio"]), visual


def features(network, video):
    """Encoded, self-attended and joint features of every network but HAN, (2, segments, DIM)."""
    get = network.get_layer
    x1, x2 = encoded(network, video)
    a, v = block(get("audio_san"), x1, x1), block(get("visual_san"), x2, x2)
    crossed = block(get("cman"), a, v), block(get("cman"), v, a)
    joint = [linear(get("shared_fc"), each) for each in crossed]
    if isinstance(network, WITH_SKIP):
        joint = [norm(get("audio_norm"), joint[0] + a), norm(get("visual_norm"), joint[1] + v)]
    return {"encoded": [x1, x2], "self_attended": [a, v], "joint": joint}


def pooled(network, joint):
    logits = linear(network.get_layer("mmil_pooling").heads, np.stack(joint, axis=1))
    probability, over_time, over_streams = np.split(logits, 3, axis=-1)  # (segments, 2, classes)
    probability = sigmoid(probability)
    streams = softmax(over_time, axis=0) * probability
    return {
        "segment_probability": probability,
        "video_probability": (streams * softmax(over_streams, axis=1)).sum(axis=(0, 1)),
        "audio_probability": streams[:, 0].sum(axis=0),
        "visual_probability": streams[:, 1].sum(axis=0),
    }


def assert_equations_hold(network, inputs):
    on_the_way = keras.Model(network.input, network.features)(inputs)
    outputs = network(inputs)
    for row in range(VIDEOS):
        video = {name: x[row] for name, x in inputs.items()}
        right = features(network, video)
        assert right.keys() == on_the_way.keys()
        for name, value in right.items():
            np.testing.assert_allclose(on_the_way[name][row], value, **EXACT, err_msg=name)
        right = pooled(network, right["joint"])
        assert right.keys() == outputs.keys()
        for name, value in right.items():
            np.testing.assert_allclose(outputs[name][row], value, **EXACT, err_msg=name)


@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("kind", AFTER_HAN)
def test_equations(kind, heads):
    assert_equations_hold(small(kind, heads=heads), videos())


@pytest.mark.parametrize("kind", WITH_CONTEXT)
def test_the_published_codes_fault(kind):
    assert_equations_hold(small(kind, first_segment=True), videos())


def test_equations_with_all_frames_and_without_clips():
    network = small(Base, visual_3d_dim=None, frames_per_segment=FRAMES)
    assert set(network.input) == {"audio", "visual"}
    assert not {"fc_visual_3d", "fc_fusion"} & {layer.name for layer in network.layers}
    inputs = videos(FRAMES)
    del inputs["visual_3d"]
    assert_equations_hold(network, inputs)


@pytest.mark.parametrize("kind", [HAN, BaseAdvSkipGCAA])
def test_frames_may_be_averaged_before(kind):
    all_frames, means = small(kind, frames_per_segment=FRAMES), small(kind)
    inputs = videos(FRAMES)
    pooled_before = inputs["visual"].reshape(VIDEOS, SEGMENTS, FRAMES, -1).mean(axis=2)
    expected = all_frames(inputs)
    for name, value in means(inputs | {"visual": pooled_before}).items():
        np.testing.assert_allclose(value, expected[name], **EXACT, err_msg=name)


# === What they are made of ===


def linear_parameters(*widths):
    """Of a linear layer: matrix and bias."""
    inside, outside = widths
    return inside * outside + outside


D = 512
ENCODERS = sum(linear_parameters(n, D) for n in (128, 2048, 512, 2 * D))
FEED_FORWARD = 2 * linear_parameters(D, D) + 2 * 2 * D  # and two layer norms
PLAIN = 4 * linear_parameters(D, D)  # Q, K, V, output
CONTEXT = 6 * linear_parameters(D, D) + 4 * linear_parameters(D, 1)  # and Qc, Kc, four gates
POOLING = 3 * linear_parameters(D, 25)
SHARED = linear_parameters(D, D)
SKIP = 2 * 2 * D


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (HAN, ENCODERS + 2 * PLAIN + FEED_FORWARD + POOLING),
        (Base, ENCODERS + 3 * (PLAIN + FEED_FORWARD) + SHARED + POOLING),
        (BaseGCAA, ENCODERS + 3 * (CONTEXT + FEED_FORWARD) + SHARED + POOLING),
        (BaseAdvSkip, ENCODERS + 3 * (PLAIN + FEED_FORWARD) + SHARED + SKIP + POOLING),
        (BaseAdvSkipGCAA, ENCODERS + 3 * (CONTEXT + FEED_FORWARD) + SHARED + SKIP + POOLING),
    ],
)
def test_parameters_of_the_true_width(kind, expected):
    network = kind()
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == expected
    assert kind is not HAN or expected == 4_569_675  # as counted in the published one
    names = [weight.name for weight in network.non_trainable_weights]
    assert names == ["threshold", "gate_threshold"]


@pytest.mark.parametrize("kind", [HAN, *AFTER_HAN])
def test_features_by_name(kind):
    network = small(kind)
    self_attended = {"self_attended"} if kind is not HAN else set()
    assert network.features.keys() == {"encoded", "joint"} | self_attended
    assert {each.shape for each in network.features.values()} == {(None, 2, SEGMENTS, DIM)}


@pytest.mark.parametrize(("kind", "count"), [(HAN, 5), *((kind, 3 * 4) for kind in AFTER_HAN)])
def test_dropouts(kind, count):
    """Weights and output of each attention, hidden layer and output of each feed-forward part."""
    network = small(kind, dropout=0.3)
    layers = {id(layer): layer for layer in network._flatten_layers()}.values()
    rates = [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.3] * count
    inputs = videos()
    drawn = network(inputs, training=True)["video_probability"]
    assert np.all(array(drawn) != array(network(inputs)["video_probability"]))


@pytest.mark.parametrize("kind", [HAN, *AFTER_HAN])
def test_gradients_reach_every_weight(kind):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with tf.GradientTape")
    import tensorflow as tf

    network = small(kind, dropout=0.0)
    with tf.GradientTape() as tape:
        outputs = network(videos())
        loss = sum(ops.sum(value**2) for value in outputs.values())
    found = tape.gradient(loss, [variable.value for variable in network.trainable_variables])
    for variable, gradient in zip(network.trainable_variables, found, strict=True):
        assert gradient is not None and np.any(gradient), variable.path
