"""Batch normalisation that keeps what PyTorch keeps."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kavc")
class UnbiasedBatchNormalization(keras.layers.Layer):
    """Batch normalisation of rows whose running variance is unbiased, as `torch.nn.BatchNorm1d`.

    In training each column is normalised by the batch's mean and biased variance; in evaluation by
    running averages, of which the variance was multiplied by n / (n - 1) for a batch of n rows.

    Several devices normalise each their part, unless what comes in was gathered before.

    Args:
        momentum: float. Share of the running averages that a step keeps. 0.9, PyTorch's 0.1.
        epsilon: float. Added to the variance. 1e-5 as PyTorch's; Keras' is 1e-3.

    Call arguments:
        x: `(rows, dim)`; at least two rows in training.

    Returns:
        `(rows, dim)`.

    Reference:
        Ioffe and Szegedy, "Batch Normalization", ICML 2015, algorithm 2.

    Example:
        >>> norm = UnbiasedBatchNormalization(momentum=0.0)
        >>> _ = norm(ops.convert_to_tensor([[0.0], [2.0]]), training=True)
        >>> float(norm.moving_mean[0]), float(norm.moving_variance[0])  # biased it would be 1
        (1.0, 2.0)
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, x_shape):
        def add(name, initializer, trainable):
            return self.add_weight(
                shape=(x_shape[-1],),
                initializer=initializer,
                trainable=trainable,
                autocast=False,
                name=name,
            )

        self.gamma = add("gamma", "ones", True)
        self.beta = add("beta", "zeros", True)
        self.moving_mean = add("moving_mean", "zeros", False)
        self.moving_variance = add("moving_variance", "ones", False)

    def call(self, x, training=None):
        # Small variances are lost in half precision.
        x = ops.cast(x, self.variable_dtype)
        if training:
            mean, variance = ops.moments(x, axes=[0])
            rows = ops.cast(ops.shape(x)[0], x.dtype)
            self._keep(self.moving_mean, mean)
            self._keep(self.moving_variance, variance * rows / ops.maximum(rows - 1, 1))
        else:
            mean, variance = self.moving_mean, self.moving_variance
        x = (x - mean) * (self.gamma * ops.rsqrt(variance + self.epsilon)) + self.beta
        return ops.cast(x, self.compute_dtype)

    def _keep(self, average, value):
        average.assign(average * self.momentum + value * (1 - self.momentum))

    def compute_output_spec(self, x, training=None):
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}
