"""What a training step can't do without, each alone in a graph: a floor for its time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from kavc.optimizers import TorchAdam

Kernels = list[tuple[int, int, int, bool]]  # rows, width in and out, whether it reads data


def dense_products(kernels: Kernels) -> Callable[[], list[tf.Tensor]]:
    """Returns a function that makes the products of matrices with every kernel.

    Forward, for the kernel's gradient, and for that of what comes in where that is no data.
    """
    dense = [
        (normal(rows, width), normal(rows, units), normal(width, units), reads_data)
        for rows, width, units, reads_data in kernels
    ]

    def products() -> list[tf.Tensor]:
        made = []
        for x, y, kernel, reads_data in dense:
            made += [x @ kernel, tf.matmul(x, y, transpose_a=True)]
            if not reads_data:
                made.append(tf.matmul(y, kernel, transpose_b=True))
        return made

    return products


def update(variables: Sequence[keras.Variable]) -> Callable[[int], int]:
    """Returns a function that updates variables of these shapes so many times.

    Args:
        variables: what is trained.
    """
    copies = [keras.Variable(each) for each in variables]
    gradients = [normal(*each.shape) for each in variables]
    optimizer = TorchAdam(3e-4)
    optimizer.build(copies)

    @tf.function
    def step():
        optimizer.apply_gradients(zip([each.value() for each in gradients], copies, strict=True))

    return repeated(step)


def normal(*shape: int) -> tf.Variable:
    """Returns noise, which no graph can take for a constant."""
    return tf.Variable(tf.random.normal(shape))


def repeated(step: Callable) -> Callable[[int], int]:
    """Returns a function that calls `step` so many times, and returns that number."""

    def run(steps: int) -> int:
        for _ in range(steps):
            step()
        return steps

    return run
