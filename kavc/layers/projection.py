"""A linear map that is given, not trained."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kavc")
class Projection(keras.layers.Layer):
    """Coordinates along given directions: (x - centre) @ directions.

    Until `assign` is called the centre is zero and the directions are the first axes.

    Args:
        units: int. Number of directions.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        x: `(..., dim)`.

    Returns:
        `(..., units)`.

    Example:
        >>> ops.convert_to_numpy(Projection(2)(ops.convert_to_tensor([[1.0, 2.0, 3.0]]))).tolist()
        [[1.0, 2.0]]
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        dim = input_shape[-1]
        self.centre = self.add_weight(
            shape=(dim,), initializer="zeros", trainable=False, name="centre"
        )
        self.directions = self.add_weight(
            shape=(dim, self.units), initializer=_first_axes, trainable=False, name="directions"
        )

    def assign(self, centre, directions):
        """Sets both.

        Args:
            centre: `(dim,)`.
            directions: `(dim, at least units)`; the first columns are taken.

        Example:
            >>> import numpy as np
            >>> layer = Projection(1)
            >>> layer.build((None, 2))
            >>> layer.assign(np.array([1.0, 0.0]), np.array([[0.0, 1.0], [1.0, 0.0]]))
            >>> ops.convert_to_numpy(layer(np.array([[1.0, 5.0]]))).tolist()
            [[5.0]]
        """
        self.centre.assign(centre)
        self.directions.assign(directions[:, : self.units])

    def call(self, x):
        return ops.matmul(x - self.centre, self.directions)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _first_axes(shape, dtype=None):
    return ops.eye(*shape, dtype=dtype)
