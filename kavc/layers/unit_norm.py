"""Scaling to unit length."""

from __future__ import annotations

import keras

from kavc.losses.contrastive import unit_norm


@keras.saving.register_keras_serializable(package="kavc")
class UnitNorm(keras.layers.Layer):
    """Scales the last axis to Euclidean norm 1, or to another one; zeros stay zeros.

    Args:
        epsilon: float. Least squared norm that is divided by.
        scale: float. The norm.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        x: `(..., dim)`.

    Returns:
        The same shape and dtype.

    Example:
        >>> rows = keras.ops.convert_to_tensor([[3.0, 4.0], [0.0, 0.0]])
        >>> keras.ops.convert_to_numpy(UnitNorm(scale=10.0)(rows)).round(4).tolist()
        [[6.0, 8.0], [0.0, 0.0]]
    """

    def __init__(self, epsilon=1e-12, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.scale = scale

    def call(self, x):
        found = unit_norm(x, self.epsilon)
        return found if self.scale == 1 else found * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "scale": self.scale}
