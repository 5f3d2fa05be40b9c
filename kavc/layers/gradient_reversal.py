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
        >>> float(reverse_gradient(ops.convert_to_tensor(3.0), 0.5))
        3.0
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
        >>> weight = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
        >>> model = keras.Sequential([keras.Input((1,)), weight, GradientReversal(0.5)])
        >>> model.compile(keras.optimizers.SGD(0.1), "mae")
        >>> _ = model.train_on_batch(ops.ones((1, 1)), ops.zeros((1, 1)))
        >>> round(float(weight.kernel[0, 0]), 4)  # half a step away from the target
        1.05
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
