"""Masks made from lengths. What lies in the padding, garbage or NaN, never reaches an answer."""

from __future__ import annotations

import keras
from keras import ops


def masked_softmax(scores, mask, axis=-1):
    """Softmax over the valid entries; all zero, never NaN, where none is valid.

    Args:
        scores: `(..., time)` float. Masked entries may hold anything.
        mask: broadcasts to `scores`, bool. True where valid.
        axis: int.

    Returns:
        Weights of the shape of `scores`; they sum to 1, or to 0 where nothing is valid.

    Example:
        >>> scores = ops.convert_to_tensor([[1.0, 1.0, float("nan")], [5.0, 6.0, 7.0]])
        >>> mask = ops.convert_to_tensor([[True, True, False], [False, False, False]])
        >>> ops.convert_to_numpy(masked_softmax(scores, mask)).tolist()
        [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    scores = ops.where(mask, scores, float("-inf"))
    highest = ops.max(scores, axis=axis, keepdims=True)
    weights = ops.exp(scores - ops.where(ops.isfinite(highest), highest, 0.0))
    # The highest valid score contributes exactly 1, so the bound only replaces an empty sum.
    return weights / ops.maximum(ops.sum(weights, axis=axis, keepdims=True), 1.0)


def zero_padding(sequence, mask):
    """Puts zeros wherever the mask is False.

    Selecting instead of multiplying keeps NaN and infinities in the padding out of the values and
    of the gradients.

    Args:
        sequence: `(batch, time, dim)`.
        mask: `(batch, time)` bool.

    Returns:
        `(batch, time, dim)`.

    Example:
        >>> sequence = ops.convert_to_tensor([[[1.0], [float("nan")]]])
        >>> ops.convert_to_numpy(zero_padding(sequence, [[True, False]])).tolist()
        [[[1.0], [0.0]]]
    """
    return ops.where(ops.expand_dims(mask, -1), sequence, ops.zeros_like(sequence))


class ExplicitMaskLayer(keras.layers.Layer):
    """A layer whose mask is an argument: Keras' implicit masks end here."""

    def compute_mask(self, inputs, mask=None, previous_mask=None):
        return None

    def get_config(self):
        # Of a class without one Keras makes a config by itself, which can hold no policy.
        return super().get_config()


@keras.saving.register_keras_serializable(package="kavc")
class LengthMask(keras.layers.Layer):
    """Turns lengths into a boolean mask.

    Call arguments:
        length: `(batch,)` int. Number of valid steps.
        sequence: `(batch, time, dim)`. Only its number of steps is used.

    Returns:
        `(batch, time)` bool, True at the first `length` steps.

    Example:
        >>> mask = LengthMask()(ops.convert_to_tensor([2, 0]), ops.ones((2, 3, 8)))
        >>> ops.convert_to_numpy(mask).tolist()
        [[True, True, False], [False, False, False]]
    """

    def call(self, length, sequence):
        steps = ops.arange(ops.shape(sequence)[1], dtype="int32")
        return ops.expand_dims(steps, 0) < ops.expand_dims(ops.cast(length, "int32"), 1)

    def compute_output_spec(self, length, sequence):
        return keras.KerasTensor((sequence.shape[0], sequence.shape[1]), dtype="bool")


@keras.saving.register_keras_serializable(package="kavc")
class ZeroPadding(ExplicitMaskLayer):
    """Puts zeros wherever the mask is False: `zero_padding` as a layer.

    Call arguments:
        inputs: `(batch, time, dim)`.
        mask: `(batch, time)` bool.

    Returns:
        `(batch, time, dim)`.

    Example:
        >>> padded = ZeroPadding()(ops.ones((1, 2, 1)), ops.convert_to_tensor([[True, False]]))
        >>> ops.convert_to_numpy(padded).tolist()
        [[[1.0], [0.0]]]
    """

    def call(self, inputs, mask):
        return zero_padding(inputs, mask)

    def compute_output_spec(self, inputs, mask):
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
