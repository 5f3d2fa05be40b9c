"""What is drawn anew in every epoch, also where the epoch is known only in the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

Columns = tuple[np.ndarray, ...]


def of_epoch(
    draw: Callable[[int], Columns],
    epoch: tf.Tensor | int | None,
    dtypes: Sequence[tf.DType],
    shape: Sequence[int | None] = (None,),
) -> tuple:
    """Returns `draw(epoch)`.

    Args:
        draw: takes an epoch, gives arrays of NumPy.
        epoch: as of `kavc.systems.base.Stage.dataset`.
        dtypes: of the arrays.
        shape: of each array, as far as it is known.

    Example:
        >>> draw = lambda epoch: (np.arange(3) + epoch,)
        >>> of_epoch(draw, tf.constant(2, tf.int64), [tf.int64])[0].numpy().tolist()
        [2, 3, 4]
    """
    if not tf.is_tensor(epoch):
        return draw(epoch)  # type: ignore[arg-type]
    columns = tf.numpy_function(lambda epoch: draw(int(epoch)), [epoch], dtypes)
    if tf.is_tensor(columns):  # of one column
        columns = [columns]
    return tuple(tf.ensure_shape(column, shape) for column in columns)
