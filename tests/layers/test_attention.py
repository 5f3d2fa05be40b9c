"""Attention pooling against loops over the valid steps alone, which know no mask."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.attention import (
    AdditiveAttentionPooling,
    MultiHeadAttentionPooling,
    SequenceAttentionPooling,
    WeightedAttentionPooling,
)

LAYERS = {
    "additive": (AdditiveAttentionPooling, {"units": 3}),
    "weighted": (WeightedAttentionPooling, {}),
    "sequence": (SequenceAttentionPooling, {"units": 3}),
    "multi-head": (MultiHeadAttentionPooling, {"heads": 2, "key_dim": 3}),
}
EVERY = pytest.mark.parametrize("name", LAYERS)
# In float64 Keras' MultiHeadAttention rounds its scale, to 6e-9, and `ops.tanh` on JAX answers in
# float32 (3.15).
TOLERANCE = {
    ("tensorflow", False): 1e-12, ("tensorflow", True): 1e-7,
    ("jax", False): 1e-6, ("jax", True): 1e-6,
}  # fmt: skip
STEPS = 5
MASK = np.array(
    [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], bool
)


def built(name, dtype="float64"):
    """A layer with random weights, the biases too, and inputs with zeros where the mask is off."""
    keras.utils.set_random_seed(0)
    kind, arguments = LAYERS[name]
    layer = kind(**arguments, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(*MASK.shape, 4)) * MASK[..., None]
    layer(x, mask=MASK)
    for weight in layer.weights:
        weight.assign(keras.random.normal(weight.shape, dtype=weight.dtype))
    return layer, x


def softmax(scores):
    weights = np.exp(scores)
    return weights / weights.sum(-1, keepdims=True)


def expected(name, w, x):
    """The answer for valid steps `x`, `(time, dim)`, alone; `w` holds the weights by name."""
    if name == "additive":
        weights = softmax((np.tanh(x @ w["kernel"] + w["bias"]) @ w["score"])[:, 0])
        return weights @ x
    if name == "weighted":
        return softmax((x @ w["score"] + w["bias"])[:, 0]) @ x
    if name == "sequence":
        hidden = np.tanh((x @ w["query"])[:, None] + x @ w["key"] + w["bias"])
        return (softmax((hidden @ w["score"] + w["score_bias"])[..., 0]) @ x).mean(0)
    query, key, value = (
        np.einsum("td,dhk->htk", x, w[f"{part}/kernel"]) + w[f"{part}/bias"][:, None]
        for part in ("query", "key", "value")
    )
    heads = softmax(query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])) @ value
    kernel, bias = (w[f"attention_output/{part}"] for part in ("kernel", "bias"))
    return (np.einsum("htk,hkd->td", heads, kernel) + bias).mean(0)


def by_name(layer):
    return {
        weight.path.partition("/")[2].removeprefix("attention/"): ops.convert_to_numpy(weight)
        for weight in layer.weights
    }


@EVERY
def test_answers_are_those_of_the_valid_steps_alone(name):
    layer, x = built(name)
    tolerance = TOLERANCE[keras.backend.backend(), name == "multi-head"]
    answers = ops.convert_to_numpy(layer(x, mask=MASK))
    for row, (steps, mask) in enumerate(zip(x, MASK, strict=True)):
        if mask.any():
            right = expected(name, by_name(layer), steps[mask])
            np.testing.assert_allclose(answers[row], right, tolerance, tolerance)


@EVERY
def test_a_row_without_a_valid_step_gives_zeros(name):
    layer, x = built(name)
    np.testing.assert_array_equal(layer(x, mask=MASK)[-1], np.zeros(4))


@EVERY
@pytest.mark.parametrize("value", [1000.0, 1e30, np.nan, np.inf])
def test_what_lies_at_masked_steps_changes_no_answer(name, value):
    layer, x = built(name, "float32")
    spoilt = np.where(MASK[..., None], x, value)
    np.testing.assert_array_equal(layer(spoilt, mask=MASK), layer(x, mask=MASK))


@EVERY
def test_what_lies_at_masked_steps_changes_no_gradient(name):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with tf.GradientTape")
    import tensorflow as tf

    layer, x = built(name)

    def gradients(x):
        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = ops.sum(layer(x, mask=MASK) ** 2)
        return tape.gradient(loss, [x, *layer.trainable_variables])

    spoilt = np.where(MASK[..., None], x, np.nan)
    for clean, other in zip(gradients(x), gradients(spoilt), strict=True):
        assert np.isfinite(clean).all()
        np.testing.assert_array_equal(other, clean)


@pytest.mark.parametrize("name", ["additive", "weighted", "sequence"])
def test_weights_over_time_sum_to_one_over_valid_steps(name):
    layer, x = built(name)
    weights = ops.convert_to_numpy(layer.weights_over_time(x, MASK))
    mask = MASK if weights.ndim == 2 else np.repeat(MASK[:, None], STEPS, axis=1)
    assert not weights[~mask].any()
    np.testing.assert_allclose(weights.sum(-1), mask.any(-1), rtol=0, atol=1e-12)


@EVERY
def test_implicit_masks_end_here(name):
    layer, x = built(name)
    sequence = keras.layers.Masking()(ops.convert_to_tensor(x))
    assert keras.src.backend.get_keras_mask(layer(sequence, mask=MASK)) is None


@EVERY
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_reload(name, dtype, tmp_path):
    layer, x = built(name, dtype)
    sequence, mask = keras.Input((None, 4)), keras.Input((None,), dtype="bool")
    model = keras.Model([sequence, mask], layer(sequence, mask=mask))
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    again = reloaded.get_layer(layer.name)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    assert again.compute_dtype == layer.compute_dtype
    assert {w.dtype for w in again.weights} == {"float32"}
    np.testing.assert_array_equal(
        ops.cast(reloaded([x, MASK]), "float32"), ops.cast(model([x, MASK]), "float32")
    )
