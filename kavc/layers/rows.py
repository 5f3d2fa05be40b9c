"""A network for single rows, such as images, on sequences of them."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kavc")
class FlattenRows(keras.layers.Layer):
    """Puts the rows of all sequences one after another.

    Call arguments:
        sequence: `(batch, time, ...)`.

    Returns:
        `(batch * time, ...)`.

    Example:
        >>> tuple(FlattenRows()(ops.ones((2, 8, 224, 224, 3))).shape)
        (16, 224, 224, 3)
    """

    def call(self, sequence):
        return ops.reshape(sequence, (-1, *sequence.shape[2:]))

    def compute_output_spec(self, sequence):
        return keras.KerasTensor((None, *sequence.shape[2:]), dtype=self.compute_dtype)

    def get_config(self):  # what Keras makes of the arguments fails for a policy object
        return super().get_config()


@keras.saving.register_keras_serializable(package="kavc")
class RestoreRows(keras.layers.Layer):
    """Puts rows back where `FlattenRows` took them from.

    Call arguments:
        rows: `(batch * time, ...)`.
        sequence: `(batch, time, ...)`, what was flattened; only its first two axes are used.

    Returns:
        `(batch, time, ...)`, of what the rows became.

    Example:
        >>> tuple(RestoreRows()(ops.ones((16, 1280)), ops.ones((2, 8, 4, 4, 3))).shape)
        (2, 8, 1280)
    """

    def call(self, rows, sequence):
        batch, time = ops.shape(sequence)[:2]
        return ops.reshape(rows, (batch, time, *rows.shape[1:]))

    def compute_output_spec(self, rows, sequence):
        return keras.KerasTensor((*sequence.shape[:2], *rows.shape[1:]), dtype=self.compute_dtype)

    def get_config(self):  # what Keras makes of the arguments fails for a policy object
        return super().get_config()
