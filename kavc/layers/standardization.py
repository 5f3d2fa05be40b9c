"""Features made of mean 0 and variance 1, by numbers that are given, not trained."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="kavc")
class Standardization(keras.layers.Layer):
    """`(x - centre) / scale`, feature by feature; until `assign` is called, `x`.

    Call arguments:
        x: `(..., dim)`.
        inverse: bool. Whether standardised features are made what they were.

    Example:
        >>> import numpy as np
        >>> layer = Standardization()
        >>> layer.build((None, 2))
        >>> layer.assign(np.array([[1.0, 7.0], [3.0, 7.0]]))  # the second feature is constant
        >>> keras.ops.convert_to_numpy(layer(np.array([[3.0, 8.0]]))).tolist()
        [[1.0, 1.0]]
        >>> keras.ops.convert_to_numpy(layer(np.array([[1.0, 1.0]]), inverse=True)).tolist()
        [[3.0, 8.0]]
    """

    def build(self, x_shape):
        shape = (x_shape[-1],)
        self.centre = self.add_weight(
            shape=shape, initializer="zeros", trainable=False, name="centre"
        )
        self.scale = self.add_weight(shape=shape, initializer="ones", trainable=False, name="scale")

    def assign(self, rows):
        """Takes mean and deviation of some rows; a constant feature is centred alone.

        Args:
            rows: `(n, dim)` array of NumPy.
        """
        deviation = rows.std(axis=0, dtype="float64")
        self.centre.assign(rows.mean(axis=0, dtype="float64"))
        self.scale.assign(deviation + (deviation == 0))

    def call(self, x, inverse=False):
        return x * self.scale + self.centre if inverse else (x - self.centre) / self.scale

    def compute_output_spec(self, x, inverse=False):
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self):  # what Keras makes of the arguments fails for a policy object
        return super().get_config()
