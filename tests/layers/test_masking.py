"""Masks from lengths, the softmax that respects them, and zeros in the padding."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from keras import ops

from kavc.layers.masking import LengthMask, ZeroPadding, masked_softmax, zero_padding
from kavc.layers.pooling import MaskedGlobalAveragePooling1D

MASK = np.array([[True, True, True], [True, False, False], [False, False, False]])


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    scores=arrays.arrays("float64", (2, 4), elements=st.floats(-1e3, 1e3)),
    mask=arrays.arrays("bool", (2, 4)),
)
def test_masked_softmax_is_the_softmax_of_the_valid_entries(scores, mask):
    weights = ops.convert_to_numpy(masked_softmax(scores, mask))
    expected = np.zeros_like(scores)
    for row, valid in enumerate(mask):
        if valid.any():
            expected[row, valid] = scipy.special.softmax(scores[row, valid])
    np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_masked_scores_may_hold_anything(value, dtype):
    scores = ops.cast(np.where(MASK, 0.0, value), dtype)
    weights = masked_softmax(scores, MASK)
    assert keras.backend.standardize_dtype(weights.dtype) == dtype
    # A third has 8 bits in bfloat16.
    np.testing.assert_allclose(
        ops.cast(weights, "float32"), [[1 / 3] * 3, [1, 0, 0], [0, 0, 0]], rtol=0.01
    )


def test_masked_softmax_along_another_axis():
    scores = np.random.default_rng(0).normal(size=(3, 3))
    along = masked_softmax(scores.T, MASK.T, axis=0)
    np.testing.assert_array_equal(ops.transpose(along), masked_softmax(scores, MASK))


@pytest.mark.parametrize("length", [[3, 1, 0], [9, 1, -1]], ids=["inside", "outside"])
@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
def test_length_mask(length, dtype):
    mask = LengthMask()(np.array(length, dtype), np.zeros((3, 3, 5)))
    np.testing.assert_array_equal(mask, MASK)


def test_length_mask_reads_no_values():
    mask = LengthMask()(np.array([3, 1, 0]), np.full((3, 3, 5), np.nan))
    np.testing.assert_array_equal(mask, MASK)


@pytest.mark.parametrize("value", [1.0, 1e30, np.nan, np.inf])
def test_zero_padding(value):
    x = np.where(MASK[..., None], 2.0, value)
    expected = np.where(MASK[..., None], 2.0, 0.0) * np.ones((3, 3, 4))
    x = np.broadcast_to(x, expected.shape)
    np.testing.assert_array_equal(zero_padding(x, MASK), expected)
    np.testing.assert_array_equal(ZeroPadding()(x, mask=MASK), expected)


def test_reload(tmp_path):
    sequence, length = keras.Input((None, 4)), keras.Input((), dtype="int32")
    mask = LengthMask()(length, sequence)
    model = keras.Model([sequence, length], [ZeroPadding()(sequence, mask=mask), mask])
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    inputs = [np.random.default_rng(0).normal(size=(3, 6, 4)), np.array([6, 2, 0])]
    for ours, theirs in zip(model(inputs), reloaded(inputs), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", [ZeroPadding, MaskedGlobalAveragePooling1D])
def test_a_layer_that_was_given_a_policy_comes_back_from_its_config(kind):
    layer = kind(dtype=keras.DTypePolicy("mixed_bfloat16"), name="mine")
    again = kind.from_config(layer.get_config())
    assert (again.name, again.dtype_policy.name) == ("mine", "mixed_bfloat16")
