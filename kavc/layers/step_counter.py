"""The number of training steps, as a weight of what is trained."""

from __future__ import annotations


def add_step_counter(model):
    """Adds a counter to a model, which adds 1 to it at every training step.

    Of the model, not of a callback, so that what follows it is exact whatever is resumed and
    however many steps an execution has.

    Args:
        model: `keras.Model`.

    Returns:
        `keras.Variable`, () int32, 0 at first, not trained; the same on all devices.

    Example:
        >>> import keras
        >>> steps = add_step_counter(keras.Sequential())
        >>> int(steps), steps.trainable
        (0, False)
    """
    return model.add_weight(
        shape=(),
        initializer="zeros",
        dtype="int32",
        trainable=False,
        aggregation="only_first_replica",
        name="steps",
    )
