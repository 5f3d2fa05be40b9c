"""A dense layer that begins as PyTorch's does, for networks that were published in PyTorch."""

from __future__ import annotations

import keras
from keras import ops

BIAS = ("uniform", "zeros")


@keras.saving.register_keras_serializable(package="kavc")
class Linear(keras.layers.Layer):
    """`activation(x @ kernel + bias)`; both begin uniform in ±1/√dim, as `torch.nn.Linear`.

    What has more than two axes is one matrix product over all its rows.

    Args:
        units: int. Width of the output.
        activation: optional name of an activation.
        bias: "uniform" or "zeros": what the bias begins with.
        gain: float. What the kernel's bound is multiplied by: the root of 6 keeps the variance of
            what ReLU passes on, as He et al., 2015, have it.

    Call arguments:
        x: `(..., dim)`.

    Returns:
        `(..., units)`.

    Example:
        >>> layer = Linear(3)
        >>> tuple(layer(ops.ones((2, 5, 16))).shape)
        (2, 5, 3)
        >>> bool(ops.max(ops.abs(layer.kernel)) <= 1 / 4)
        True
    """

    def __init__(self, units, activation=None, bias="uniform", gain=1.0, **kwargs):
        super().__init__(**kwargs)
        if bias not in BIAS:
            raise ValueError(f"bias must be one of {', '.join(BIAS)}; received: {bias!r}")
        self.units = units
        self.activation = keras.activations.get(activation)
        self.bias_begins = bias
        self.gain = gain

    def build(self, x_shape):
        dim = x_shape[-1]
        begin = uniform(self.gain * dim**-0.5)
        self.kernel = self.add_weight(shape=(dim, self.units), initializer=begin, name="kernel")
        begin = uniform(dim**-0.5) if self.bias_begins == "uniform" else "zeros"
        self.bias = self.add_weight(shape=(self.units,), initializer=begin, name="bias")

    def call(self, x):
        return self.activation(affine(x, self.kernel, self.bias))

    def compute_output_spec(self, x):
        return keras.KerasTensor((*x.shape[:-1], self.units), dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "bias": self.bias_begins,
            "gain": self.gain,
        }


def affine(x, kernel, bias):
    """Returns `x @ kernel + bias`, one product over all rows: `(..., dim)` to `(..., units)`.

    Example:
        >>> tuple(affine(ops.ones((2, 5, 4)), ops.ones((4, 3)), ops.zeros(3)).shape)
        (2, 5, 3)
    """
    if len(x.shape) == 2:
        return ops.add(ops.matmul(x, kernel), bias)
    dim, units = kernel.shape
    rows = ops.add(ops.matmul(ops.reshape(x, (-1, dim)), kernel), bias)
    return ops.reshape(rows, (*ops.shape(x)[:-1], units))


def product(x, kernel):
    """Returns `x @ kernel`, one product over all rows: `(..., dim)` to `(..., units)`.

    Example:
        >>> tuple(product(ops.ones((2, 5, 4)), ops.ones((4, 3))).shape)
        (2, 5, 3)
    """
    if len(x.shape) == 2:
        return ops.matmul(x, kernel)
    dim, units = kernel.shape
    return ops.reshape(ops.matmul(ops.reshape(x, (-1, dim)), kernel), (*ops.shape(x)[:-1], units))


def uniform(limit):
    """Returns an initializer that draws from ±`limit`."""
    return keras.initializers.RandomUniform(-limit, limit)
