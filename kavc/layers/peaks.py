"""Rows scaled by their own largest value."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kavc")
class PeakNorm(keras.layers.Layer):
    """Divides each row by its largest absolute value; a row of zeros stays one.

    Call arguments:
        x: `(..., dim)`.

    Reference:
        Published evaluation of Zhu et al., "Learning Audio-Visual Correlations from Variational
        Cross-Modal Generation", 2021, which divides 0 by 0 in a row of zeros.

    Example:
        >>> rows = ops.convert_to_tensor([[1.0, -4.0], [0.0, 0.0]])
        >>> ops.convert_to_numpy(PeakNorm()(rows)).tolist()
        [[0.25, -1.0], [0.0, 0.0]]
    """

    def call(self, x):
        return peak_norm(x)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self):  # what Keras makes of the arguments fails for a policy object
        return super().get_config()


def peak_norm(x):
    """See `PeakNorm`."""
    peak = ops.max(ops.abs(x), axis=-1, keepdims=True)
    return x / ops.where(peak > 0, peak, ops.ones_like(peak))
