"""A dense layer on a concatenation that is never made."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kavc")
class JoinedDense(keras.layers.Layer):
    """`activation(concatenate(parts) @ kernel + bias)`, as one product a part and their sum.

    A part that several rows have in common, as a video that is asked about many tracks, is
    multiplied once. The kernels begin as that of a `Dense` on the concatenation does.

    Args:
        units: int. Width of the output.
        activation: optional name of an activation.
        use_bias: bool.
        **kwargs: see `keras.layers.Layer`.

    Call arguments:
        parts: list of `(batch, dim)` or `(batch, n, dim)`, each with its own dim; the former stand
            beside every one of the n rows.

    Returns:
        `(batch, units)`, or `(batch, n, units)` if a part has n rows.
    """

    def __init__(self, units, activation=None, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def build(self, shapes):
        dims = [shape[-1] for shape in shapes]
        limit = (6 / (sum(dims) + self.units)) ** 0.5  # Glorot's, of the whole
        self.kernels = [
            self.add_weight(
                shape=(dim, self.units),
                # One of its own each: of one seed, equal shapes would begin with equal numbers.
                initializer=keras.initializers.RandomUniform(-limit, limit),
                name=f"kernel_{at}",
            )
            for at, dim in enumerate(dims)
        ]
        self.bias = (
            self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
            if self.use_bias
            else None
        )

    def call(self, parts):
        rank = max(len(part.shape) for part in parts)
        found = None
        for part, kernel in zip(parts, self.kernels, strict=True):
            term = ops.matmul(part, kernel)
            term = ops.expand_dims(term, 1) if len(part.shape) < rank else term
            found = term if found is None else found + term
        found = found if self.bias is None else found + self.bias
        return self.activation(found)

    def compute_output_spec(self, parts):
        longest = max(parts, key=lambda part: len(part.shape))
        return keras.KerasTensor((*longest.shape[:-1], self.units), dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }
