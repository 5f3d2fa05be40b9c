"""A dense layer on a concatenation that is never made."""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.linear import product


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

    Reference:
        Glorot and Bengio, 2010, for what the kernels begin with.

    Example:
        >>> video, tracks = ops.ones((2, 16)), ops.ones((2, 5, 4))  # five tracks for each video
        >>> tuple(JoinedDense(8, activation="relu")([video, tracks]).shape)
        (2, 5, 8)
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
        return self.activation(joined(parts, self.kernels, self.bias))

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


def joined(parts, kernels, bias):
    """Returns `concatenate(parts) @ concatenate(kernels) + bias`, as of `JoinedDense`.

    Args:
        parts: list of `(batch, dim)` or `(batch, n, dim)`.
        kernels: list of `(dim, units)`.
        bias: `(units,)`, or None.

    Example:
        >>> import numpy as np
        >>> parts, kernels = [np.ones((1, 2)), np.ones((1, 3))], [np.ones((2, 1)), np.ones((3, 1))]
        >>> float(joined(parts, kernels, np.array([0.5]))[0, 0])
        5.5
    """
    rank = max(len(part.shape) for part in parts)
    found = bias
    for part, kernel in zip(parts, kernels, strict=True):
        term = product(part, kernel)
        term = ops.expand_dims(term, 1) if len(part.shape) < rank else term
        found = term if found is None else found + term
    return found


def joined_along(rows, parts, kernels, bias, kernel):
    """Returns `joined` where one part has many rows, by one product a row and nothing else.

    What all rows of a video have in common becomes a row of its kernel.

    Args:
        rows: `(batch, n, dim)`.
        parts: list of the others, with zeros in place of `rows`: `(batch, dim)` or
            `(batch, 1, dim)`.
        kernels, bias: as of `joined`.
        kernel: `(batch or 1, dim, units)`, of `rows`.

    Returns:
        `(batch, n, units)`.

    Example:
        >>> rows, video = ops.ones((2, 5, 3)), ops.ones((2, 4))
        >>> kernels = [ops.ones((3, 1)), ops.ones((4, 1))]
        >>> parts = [ops.zeros((2, 1, 3)), video]  # in place of the rows, zeros
        >>> found = joined_along(rows, parts, kernels, None, ops.ones((1, 3, 1)))
        >>> tuple(found.shape), float(found[0, 0, 0])
        ((2, 5, 1), 7.0)
    """
    shared = joined(parts, kernels, bias)  # (batch, 1, units)
    batch, _, units = ops.shape(shared)
    kernel = ops.broadcast_to(kernel, (batch, *kernel.shape[1:-1], units))
    with_one = ops.concatenate([rows, ops.ones_like(rows[:, :, :1])], axis=-1)
    return ops.matmul(with_one, ops.concatenate([kernel, shared], axis=1))
