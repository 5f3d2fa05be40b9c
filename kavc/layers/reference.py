"""A vector that is given, not trained, to compare others with."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kavc")
class Reference(keras.layers.Layer):
    """The same vector for every row; zeros until `assign` is called.

    Call arguments:
        x: `(..., dim)`; only its shape is used.

    Returns:
        `(..., dim)`: the reference in each place.

    Example:
        >>> import numpy as np
        >>> layer = Reference()
        >>> layer.build((None, 2))
        >>> layer.assign(np.array([1.0, 2.0]))
        >>> ops.convert_to_numpy(layer(np.zeros((2, 2)))).tolist()
        [[1.0, 2.0], [1.0, 2.0]]
    """

    def build(self, x_shape):
        self.vector = self.add_weight(
            shape=(x_shape[-1],), initializer="zeros", trainable=False, name="vector"
        )

    def assign(self, vector):
        """Sets it.

        Args:
            vector: `(dim,)` array of NumPy.
        """
        self.vector.assign(vector)

    def call(self, x):
        return ops.broadcast_to(ops.cast(self.vector, self.compute_dtype), ops.shape(x))

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self):  # what Keras makes of the arguments fails for a policy object
        return super().get_config()
