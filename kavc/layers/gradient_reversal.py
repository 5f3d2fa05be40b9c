"""Gradient reversal, for features that must not tell what a discriminator looks for."""

from __future__ import annotations

import keras
from keras import ops


def reverse_gradient(x, strength):
    """Returns `x` as it is; its gradient comes back times `-strength`.

    Args:
        x: any shape, finite.
        strength: scalar, at least 0.

    Reference:
        Ganin and Lempitsky, ICML 2015, section 3.1.

    Example:
        >>> import tensorflow as tf
        >>> x = tf.Variable(3.0)
        >>> with tf.GradientTape() as tape:
        ...     y = reverse_gradient(tf.convert_to_tensor(x), 0.5) ** 2
        >>> float(y), float(tape.gradient(y, x))
        (9.0, -3.0)
    """
    # Nothing is added but an exact zero, so that the values keep their last bit.
    constant = ops.stop_gradient(x)
    return constant - ops.cast(strength, x.dtype) * (x - constant)


def reversal_strength(progress, *, slope=10.0):
    """Returns `2 / (1 + exp(-slope * progress)) - 1`: from 0, where all is noise still, to 1.

    Args:
        progress: scalar, the part of the training that is done, from 0 to 1.
        slope: float. 10 in the paper.

    Reference:
        Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016, section 5.2.2.

    Example:
        >>> round(float(reversal_strength(0.5)), 4)
        0.9866
    """
    return 2 / (1 + ops.exp(-slope * ops.cast(progress, "float32"))) - 1


@keras.saving.register_keras_serializable(package="kavc")
class GradientReversal(keras.layers.Layer):
    """`reverse_gradient` as a layer.

    Args:
        strength: float. Of the reversal where a call gives none. Defaults to 1.

    Call arguments:
        x: any shape.
        strength: optional scalar, as `reversal_strength` gives it of a step counter.

    Reference:
        Ganin and Lempitsky, ICML 2015, section 3.1.

    Example:
        >>> ops.convert_to_numpy(GradientReversal(0.5)(ops.convert_to_tensor([1.0, -2.0]))).tolist()
        [1.0, -2.0]
    """

    def __init__(self, strength=1.0, **kwargs):
        super().__init__(**kwargs)
        self.strength = strength

    def call(self, x, strength=None):
        return reverse_gradient(x, self.strength if strength is None else strength)

    def compute_output_spec(self, x, strength=None):
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "strength": self.strength}
