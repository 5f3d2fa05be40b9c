"""Optimizers whose steps are those of another framework's."""

from __future__ import annotations

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kavc")
class TorchAdam(keras.optimizers.Adam):
    """Adam as the paper and PyTorch have it: epsilon is added to the corrected second moment.

    `m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)`. Keras' own adds it before the correction,
    which makes the first steps of small gradients smaller.

    Args:
        learning_rate: float or schedule.
        epsilon: float. PyTorch's 1e-8; Keras' is 1e-7.
        **kwargs: see `keras.optimizers.Adam`; without `amsgrad`.

    Reference:
        Kingma and Ba, ICLR 2015, algorithm 1.

    Example:
        >>> weight = keras.Variable([1.0])
        >>> TorchAdam(0.1).apply([ops.convert_to_tensor([1e-8])], [weight])
        >>> round(float(weight[0]), 3)  # half the rate, g / (g + epsilon)
        0.95
    """

    def __init__(self, learning_rate=0.001, epsilon=1e-8, **kwargs):
        if kwargs.get("amsgrad"):
            raise ValueError("amsgrad is not supported")
        kwargs.setdefault("name", "torch_adam")
        super().__init__(learning_rate, epsilon=epsilon, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        step = ops.cast(self.iterations + 1, dtype)
        # As a number of Python times a tensor, since a tensor of its own would be of float32; and
        # 1 - b^t by expm1, since the first steps' is a small difference from 1.
        correction_1 = -ops.expm1(step * math.log(self.beta_1))
        correction_2 = ops.sqrt(-ops.expm1(step * math.log(self.beta_2)))
        rate = ops.cast(learning_rate, dtype) * correction_2 / correction_1
        gradient = ops.cast(gradient, dtype)
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        self.assign_sub(variable, rate * m / (ops.sqrt(v) + self.epsilon * correction_2))
