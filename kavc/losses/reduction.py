"""The mean over a batch, as Keras' own losses take it where several devices train."""

from __future__ import annotations

import keras
from keras import ops


def batch_mean(losses):
    """Mean of a batch's losses: what a `compute_loss` of one's own returns.

    Keras adds up the gradients of all replicas, so each of its losses is divided by their number.
    It leaves that to whoever replaces `compute_loss`; without it, two devices would take twice the
    step of one. On one device this is the mean and nothing else.

    Args:
        losses: `(batch,)`, one loss an example, or `()`, a mean that is already taken.

    Returns:
        `()`, of the dtype of `losses`.

    Example:
        >>> float(batch_mean(ops.convert_to_tensor([1.0, 3.0])))
        2.0
    """
    losses = ops.reshape(losses, (-1,))
    return AsGiven(dtype=keras.backend.standardize_dtype(losses.dtype))(losses, losses)


class AsGiven(keras.losses.Loss):
    """Losses that are already computed; Keras takes no mean of them but by a `Loss`."""

    def call(self, y_true, y_pred):
        return y_pred
