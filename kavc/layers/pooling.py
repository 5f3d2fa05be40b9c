"""Pooling over the valid steps of a sequence; zeros where there are none."""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.masking import ExplicitMaskLayer, zero_padding


class _MaskedPooling1D(ExplicitMaskLayer):
    def compute_output_spec(self, inputs, mask):
        return keras.KerasTensor((inputs.shape[0], inputs.shape[2]), dtype=self.compute_dtype)


@keras.saving.register_keras_serializable(package="kavc")
class MaskedGlobalMaxPooling1D(_MaskedPooling1D):
    """Maximum over the valid steps.

    Call arguments:
        inputs: `(batch, time, dim)`.
        mask: `(batch, time)` bool.

    Returns:
        `(batch, dim)`; zeros for a row without a valid step.

    Example:
        >>> sequence = ops.convert_to_tensor([[[-3.0], [9.0]], [[1.0], [2.0]]])
        >>> mask = ops.convert_to_tensor([[True, False], [False, False]])
        >>> ops.convert_to_numpy(MaskedGlobalMaxPooling1D()(sequence, mask)).tolist()
        [[-3.0], [0.0]]
    """

    def call(self, inputs, mask):
        highest = ops.max(ops.where(ops.expand_dims(mask, -1), inputs, float("-inf")), axis=1)
        return ops.where(ops.any(mask, axis=1, keepdims=True), highest, ops.zeros_like(highest))


@keras.saving.register_keras_serializable(package="kavc")
class MaskedGlobalAveragePooling1D(_MaskedPooling1D):
    """Mean over the valid steps.

    Call arguments:
        inputs: `(batch, time, dim)`.
        mask: `(batch, time)` bool.

    Returns:
        `(batch, dim)`; zeros for a row without a valid step.

    Example:
        >>> sequence = ops.convert_to_tensor([[[1.0], [3.0], [99.0]]])
        >>> mask = ops.convert_to_tensor([[True, True, False]])
        >>> ops.convert_to_numpy(MaskedGlobalAveragePooling1D()(sequence, mask)).tolist()
        [[2.0]]
    """

    def call(self, inputs, mask):
        total = ops.sum(zero_padding(inputs, mask), axis=1)
        steps = ops.sum(ops.cast(mask, total.dtype), axis=1, keepdims=True)
        return total / ops.maximum(steps, 1)
