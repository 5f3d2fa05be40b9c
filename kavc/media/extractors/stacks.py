"""Stacks of optical flow as images: what a network of images takes of motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

STACK = 11  # frames, of whose 10 fields of motion a stack is made
CHANNELS = 2 * (STACK - 1)
LARGEST = 20.0  # pixels to which motion is clipped
RANGE = 128.0  # of what filters see of images less their mean


def stacked(fields: tf.Tensor) -> tf.Tensor:
    """Returns fields of motion as channels: x1, y1, ..., x10, y10.

    Args:
        fields: (windows, 10, height, width, 2), pixels to the right and down.

    Returns:
        (windows, height, width, 20), from -128 to 128.

    Reference:
        Simonyan and Zisserman, 2014.

    Example:
        >>> import tensorflow as tf
        >>> channels = stacked(tf.fill((2, 10, 4, 4, 2), 5.0))
        >>> channels.shape, float(channels[0, 0, 0, 0])
        (TensorShape([2, 4, 4, 20]), 32.0)
    """
    import tensorflow as tf

    _, count, height, width, axes = fields.shape
    channels = tf.reshape(
        tf.transpose(fields, [0, 2, 3, 1, 4]), [-1, height, width, count * axes]
    )  # fmt: skip
    return tf.clip_by_value(channels, -LARGEST, LARGEST) * (RANGE / LARGEST)
