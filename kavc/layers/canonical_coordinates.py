"""Features as their coordinates along given directions, whose length doesn't count."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from kavc.losses.contrastive import unit_norm


@keras.saving.register_keras_serializable(package="kavc")
class CanonicalCoordinates(keras.layers.Layer):
    """`(x - centre) @ directions`, scaled to a mean square of 1: how loud or bright, is left out.

    All is given, nothing trained. Until `assign` is called the centre is zero, the directions are
    the first axes, and their inverse is likewise.

    Args:
        units: int. Number of directions.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        x: `(..., dim)`; or `(..., units)` for the inverse.
        inverse: bool. Whether coordinates are made features again, as well as a linear map can.

    Returns:
        `(..., units)`; zeros for the centre itself. `(..., dim)` for the inverse.

    Reference:
        Hotelling, "Relations Between Two Sets of Variates", 1936.

    Example:
        >>> twice_as_loud = ops.convert_to_tensor([[3.0, 4.0, 9.0], [6.0, 8.0, 1.0]])
        >>> found = CanonicalCoordinates(2)(twice_as_loud)  # of the first two axes
        >>> bool(ops.all(ops.isclose(found[0], found[1]))), round(float(ops.mean(found**2)), 3)
        (True, 1.0)
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, x_shape):
        dim = x_shape[-1]
        axes = lambda shape, dtype=None: ops.eye(*shape, dtype=dtype)  # noqa: E731
        given = {"trainable": False}
        self.centre = self.add_weight(shape=(dim,), initializer="zeros", name="centre", **given)
        self.directions = self.add_weight(
            shape=(dim, self.units), initializer=axes, name="directions", **given
        )
        self.back = self.add_weight(shape=(self.units, dim), initializer=axes, name="back", **given)

    def assign(self, centre, directions, rows):
        """Sets centre and directions, and as the inverse what gives some rows with least error.

        Args:
            centre: `(dim,)` array of NumPy.
            directions: `(dim, units)` array of NumPy.
            rows: `(n, dim)` array of NumPy.

        Example:
            >>> rows = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 2.0], [2.0, 0.0, 1.0]])
            >>> layer = CanonicalCoordinates(2)
            >>> layer.build(rows.shape)
            >>> layer.assign(rows.mean(axis=0), np.eye(3, 2), rows)
            >>> tuple(layer(layer(rows), inverse=True).shape)
            (3, 3)
        """
        self.centre.assign(centre)
        self.directions.assign(directions)
        coordinates = ops.convert_to_numpy(self(rows)).astype(np.float64)
        self.back.assign(np.linalg.lstsq(coordinates, rows - centre, rcond=None)[0])

    def call(self, x, inverse=False):
        if inverse:
            return ops.matmul(x, self.back) + self.centre
        coordinates = ops.matmul(x - self.centre, self.directions)
        return unit_norm(coordinates) * math.sqrt(self.units)

    def compute_output_spec(self, x, inverse=False):
        width = self.centre.shape[0] if inverse else self.units
        return keras.KerasTensor((*x.shape[:-1], width), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "units": self.units}
