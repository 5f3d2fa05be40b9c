"""Random Fourier features: a kernel machine as a layer."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kavc")
class FourierFeatures(keras.layers.Layer):
    """Cosines and sines along random directions; their dot products approach a Gaussian kernel's.

    The frequencies are drawn from a standard normal distribution and not trained; multiply them by
    `scale`, one number a coordinate, for a kernel exp(-|scale * (x - y)|^2 / 2).

    Args:
        units: int. Number of features, even.
        seed: int. Of the frequencies.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        x: `(batch, dim)`.

    Returns:
        `(batch, units)`, of norm 1.

    Reference:
        Rahimi and Recht, "Random Features for Large-Scale Kernel Machines", 2007.

    Example:
        >>> found = FourierFeatures(64)(ops.convert_to_tensor([[0.5, -1.0, 2.0]]))
        >>> tuple(found.shape), round(float(ops.norm(found)), 4)
        ((1, 64), 1.0)
    """

    def __init__(self, units, seed=0, **kwargs):
        super().__init__(**kwargs)
        if units < 2 or units % 2:
            raise ValueError(f"units must be even and at least 2; received: {units}")
        self.units = units
        self.seed = seed

    def build(self, input_shape):
        self.frequencies = self.add_weight(
            shape=(input_shape[-1], self.units // 2),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
            trainable=False,
            name="frequencies",
        )
        self.scale = self.add_weight(
            shape=(input_shape[-1],), initializer="ones", trainable=False, name="scale"
        )

    def call(self, x):
        angles = ops.matmul(x * self.scale, self.frequencies)
        both = ops.concatenate([ops.cos(angles), ops.sin(angles)], axis=-1)
        return both * (self.units / 2) ** -0.5

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "seed": self.seed}
