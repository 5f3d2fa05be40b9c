"""Attentive pooling of segments into videos, against loops over its definition."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.mmil import AttentiveMMILPooling, mmil_pooling

VIDEOS, SEGMENTS, DIM, CLASSES = 3, 4, 6, 5
# Float64, sums in another order; but some operations of Keras on JAX answer in float32 (3.15).
EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6


def built(dtype="float64"):
    layer = AttentiveMMILPooling(CLASSES, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(VIDEOS, 2, SEGMENTS, DIM))
    layer(x)
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer, x


def softmax(x, axis):
    weights = np.exp(x)
    return weights / weights.sum(axis=axis, keepdims=True)


def expected(layer, x):
    """By class and video; `x[video, stream, segment]`."""
    kernel, bias = map(ops.convert_to_numpy, (layer.heads.kernel, layer.heads.bias))
    found = {
        "segment_probability": np.zeros((VIDEOS, SEGMENTS, 2, CLASSES)),
        "video_probability": np.zeros((VIDEOS, CLASSES)),
        "audio_probability": np.zeros((VIDEOS, CLASSES)),
        "visual_probability": np.zeros((VIDEOS, CLASSES)),
    }
    for video in range(VIDEOS):
        for c in range(CLASSES):
            logits = x[video] @ kernel[:, c::CLASSES] + bias[c::CLASSES]  # (stream, segment, head)
            probability = 1 / (1 + np.exp(-logits[..., 0]))
            over_time = softmax(logits[..., 1], axis=1)
            over_streams = softmax(logits[..., 2], axis=0)
            found["segment_probability"][video, :, :, c] = probability.T
            found["audio_probability"][video, c] = over_time[0] @ probability[0]
            found["visual_probability"][video, c] = over_time[1] @ probability[1]
            found["video_probability"][video, c] = (over_time * over_streams * probability).sum()
    return found


def test_it_is_its_definition():
    layer, x = built()
    found, right = layer(x), expected(layer, x)
    assert found.keys() == right.keys()
    for name, value in right.items():
        np.testing.assert_allclose(found[name], value, rtol=EXACT, err_msg=name)


def test_weights_sum_to_one_over_time_and_over_streams():
    layer, x = built()
    _, over_time, over_streams = layer.parts(ops.convert_to_tensor(x))
    np.testing.assert_allclose(ops.sum(over_time, axis=1), 1, rtol=EXACT)
    np.testing.assert_allclose(ops.sum(over_streams, axis=2), 1, rtol=EXACT)


def test_a_video_can_pass_one_where_the_weights_of_streams_vary_over_time():
    """Sound is believed in segment 0, pictures in segment 1, and each is heard there alone."""
    apart = np.eye(2)[None, :, :, None]
    video, streams = mmil_pooling(np.ones((1, 2, 2, 1)), apart, apart)
    assert float(video[0, 0]) == 2
    np.testing.assert_array_equal(streams, np.ones((1, 2, 1)))


def test_weights_of_streams_that_do_not_vary_make_a_mean():
    probability = np.random.default_rng(0).random((2, 3, 2, 1))
    share = np.broadcast_to([[0.3], [0.7]], probability.shape)
    video, streams = mmil_pooling(probability, np.full(probability.shape, 1 / 3), share)
    means = probability.mean(axis=1)
    np.testing.assert_allclose(streams, means, rtol=EXACT)
    np.testing.assert_allclose(video, 0.3 * means[:, 0] + 0.7 * means[:, 1], rtol=EXACT)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_probabilities_are_float32_in_half_precision(policy):
    layer, x = built(policy)
    # Equal segments: every sum over them is the same number whatever its order.
    x = np.repeat(x[:, :, :1], SEGMENTS, axis=2).astype("float32")
    found = layer(x)
    for name, value in found.items():
        assert keras.backend.standardize_dtype(value.dtype) == "float32", name
    pooled = ops.convert_to_numpy(found["audio_probability"])
    np.testing.assert_allclose(pooled, found["segment_probability"][:, 0, 0], rtol=1e-6)


def test_config_and_shapes():
    layer = AttentiveMMILPooling(7, name="pooling")
    assert AttentiveMMILPooling.from_config(layer.get_config()).get_config() == layer.get_config()
    assert layer.get_config()["classes"] == 7
    found = layer(keras.Input((2, 10, 4)))
    shapes = {name: each.shape for name, each in found.items()}
    of_video = dict.fromkeys(
        ("video_probability", "audio_probability", "visual_probability"), (None, 7)
    )
    assert shapes == {"segment_probability": (None, 10, 2, 7)} | of_video
