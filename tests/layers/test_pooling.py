"""Pooling over the valid steps against NumPy on those steps alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.layers.pooling import MaskedGlobalAveragePooling1D, MaskedGlobalMaxPooling1D

# Not only lengths: a hole, a single late step, and nothing at all.
MASK = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], bool)
LAYERS = pytest.mark.parametrize(
    ("layer", "reference"),
    [(MaskedGlobalMaxPooling1D, np.max), (MaskedGlobalAveragePooling1D, np.mean)],
)


@LAYERS
@pytest.mark.parametrize("padding", [0.0, 1e30, -1e30, np.nan, np.inf])
# Below 0 throughout, a zero that slips in from the padding would be the maximum.
@pytest.mark.parametrize("shift", [0.0, -10.0])
def test_answers_are_those_of_the_valid_steps_alone(layer, reference, padding, shift):
    x = np.random.default_rng(0).normal(size=(4, 4, 3)) + shift
    expected = [reference(row[mask], axis=0) if mask.any() else np.zeros(3)
                for row, mask in zip(x, MASK, strict=True)]  # fmt: skip
    x[~MASK] = padding
    answers = layer(dtype="float64")(x, mask=MASK)
    np.testing.assert_allclose(answers, expected, rtol=1e-14, atol=1e-14)


@LAYERS
def test_gradients_pass_through_valid_steps_alone(layer, reference):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with tf.GradientTape")
    import tensorflow as tf

    x = np.random.default_rng(0).normal(size=(4, 4, 3))
    x[~MASK] = np.nan
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        answers = layer(dtype="float64")(x, mask=MASK)
    gradient = tape.gradient(answers, x).numpy()
    assert not gradient[~MASK].any()
    # What an answer gives back sums to 1, where there is one.
    np.testing.assert_allclose(gradient.sum(1), MASK.any(1)[:, None] * np.ones((4, 3)))


@LAYERS
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_reload(layer, reference, dtype, tmp_path):
    sequence, mask = keras.Input((None, 3)), keras.Input((None,), dtype="bool")
    model = keras.Model([sequence, mask], layer(dtype=dtype, name="pool")(sequence, mask=mask))
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(reloaded.get_layer("pool")) is layer
    assert reloaded.get_layer("pool").compute_dtype == model.get_layer("pool").compute_dtype
    x = np.random.default_rng(0).normal(size=(4, 4, 3))
    ours, theirs = (ops.cast(m([x, MASK]), "float32") for m in (model, reloaded))
    np.testing.assert_array_equal(ours, theirs)
