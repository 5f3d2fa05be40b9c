"""What a served graph refuses of its inputs, with stock ops, so that any server says the same."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf


def check_batch(inputs: Mapping[str, tf.Tensor]) -> None:
    """Refuses inputs of different batch sizes, which broadcasting would answer in silence.

    >>> check_batch({"audio": tf.zeros([2, 31, 128]), "visual": tf.zeros([3, 8, 1024])})
    Traceback (most recent call last):
        ...
    tensorflow...InvalidArgumentError: ...audio, visual: expected one batch size, received...
    """
    sizes = tf.stack([tf.shape(value)[0] for value in inputs.values()])
    message = f"{', '.join(inputs)}: expected one batch size, received"
    tf.debugging.Assert(tf.reduce_all(sizes == sizes[0]), [message, sizes])


def check_finite(name: str, values: tf.Tensor) -> None:
    """Refuses NaN and infinite values.

    >>> check_finite("audio", tf.constant([0.5, 1.0]))
    >>> check_finite("audio", tf.constant([0.5, float("nan")]))
    Traceback (most recent call last):
        ...
    tensorflow...InvalidArgumentError: ...audio: holds NaN or infinite values...
    """
    finite = tf.reduce_all(tf.math.is_finite(values))
    tf.debugging.Assert(finite, [f"{name}: holds NaN or infinite values"])


def check_range(name: str, values: tf.Tensor, lowest: int, highest: tf.Tensor | int) -> None:
    """Refuses values below `lowest` or above `highest`.

    >>> check_range("theme", tf.constant([0, 12]), 0, 11)
    Traceback (most recent call last):
        ...
    tensorflow...InvalidArgumentError: ...theme: expected 0 to...
    """
    inside = tf.reduce_all((values >= lowest) & (values <= highest))
    tf.debugging.Assert(inside, [f"{name}: expected {lowest} to", highest, "received", values])
