"""The products of matrices in a training step, and nothing else: a floor for its time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf


def matrix_products(
    parts: list[tuple[keras.Model, tf.TensorShape]], reads_data: tuple[str, ...]
) -> Callable[[int], int]:
    """Makes the products with every kernel: forward and, where it is trained, both of backward.

    A recurrence counts as one product over all steps, though it can't be made so; activations,
    biases, gradients of all else and the optimizer are left out.

    Args:
        parts: networks, each with the shape of what it reads: (batch, length, any) for sequences,
            else (batch, any).
        reads_data: names of layers that read data, to which no gradient goes back.

    Returns:
        A function that makes the products of so many steps, and returns that number.
    """
    operands = [each for part, shape in parts for each in _operands(part, shape, reads_data)]

    @tf.function
    def step():
        made = []
        for x, y, kernel, trained, propagates in operands:
            made.append(x @ kernel)
            if trained:
                made.append(tf.matmul(x, y, transpose_a=True))
            if trained and propagates:
                made.append(tf.matmul(y, kernel, transpose_b=True))
        return made

    def run(steps: int) -> int:
        for _ in range(steps):
            step()
        return steps

    return run


def _operands(part: keras.Model, shape: tf.TensorShape, reads_data: tuple[str, ...]) -> Iterator:
    for layer in part.layers:
        for weight in layer.weights:
            if len(weight.shape) < 2:
                continue
            sequence = len(keras.tree.flatten(layer.input)[0].shape) == 3
            rows = math.prod(shape[:-1]) if sequence else shape[0]
            inputs, outputs = int(np.prod(weight.shape[:-1])), weight.shape[-1]
            shapes = (rows, inputs), (rows, outputs), (inputs, outputs)
            x, y, kernel = (tf.Variable(tf.random.normal(each)) for each in shapes)
            yield x, y, kernel, weight.trainable, layer.name not in reads_data
