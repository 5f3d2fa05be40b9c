"""Sampling of a latent variable, differentiable in what it is drawn from."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kavc")
class GaussianSampling(keras.layers.Layer):
    """Draws from diagonal Gaussians in training, and gives their means elsewhere.

    Args:
        seed: optional int of the noise.

    Call arguments:
        mean, log_variance: `(..., dim)`.
        training: bool.

    Returns:
        `(..., dim)`: `mean + exp(log_variance / 2) * noise`, or `mean`.

    Reference:
        Kingma and Welling, ICLR 2014, section 2.4: the reparameterisation.

    Example:
        >>> mean = ops.convert_to_tensor([1.0, 2.0])
        >>> log_variance = ops.convert_to_tensor([0.0, -60.0])
        >>> layer = GaussianSampling(seed=0)
        >>> ops.convert_to_numpy(layer(mean, log_variance)).tolist()
        [1.0, 2.0]
        >>> drawn = layer(mean, log_variance, training=True)
        >>> float(drawn[0]) == 1, round(float(drawn[1]), 4)  # the second hardly varies
        (False, 2.0)
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.noise = keras.random.SeedGenerator(seed)

    def call(self, mean, log_variance, training=False):
        return self.draw(mean, log_variance) if training else mean

    def draw(self, mean, log_variance):
        """Returns a draw, whether in training or not."""
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.noise)
        return mean + ops.exp(log_variance / 2) * noise

    def compute_output_spec(self, mean, log_variance, training=False):
        return keras.KerasTensor(mean.shape, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
