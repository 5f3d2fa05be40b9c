"""Published weights into networks: files of others, in the formats that they were published in."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from pathlib import Path

import keras
import numpy as np

from kavc.errors import DataError
from kavc.inputs.hdf5 import check_weights
from kavc.inputs.opening import named, open_file

LARGEST = 2**30  # bytes of a network's weights
LONGEST = 300  # characters of what Keras says


def load_keras_weights(network: keras.Model, path: str | Path) -> None:
    """Loads Keras' own HDF5 of weights, `NAME.h5`: layer by layer, in order.

    Args:
        network: built; all of its layers with weights are in the file, and no others.
        path: the file.

    Raises:
        DataError: the file is missing, damaged, or of another network.
    """
    try:
        with open_file(path) as stream:
            check_weights(stream, unpacked=LARGEST)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # of layers that keep random weights
            network.load_weights(path)
    except DataError:
        raise
    except (OSError, ValueError, TypeError, KeyError, UserWarning) as error:
        reason = " ".join(str(error).split())[:LONGEST]
        raise DataError(f"{named(path)}: no weights of {network.name} ({reason})") from None


def open_checkpoint(path: str | Path) -> tuple[Collection[str], Callable[[str], np.ndarray]]:
    """Returns the names of the arrays in a checkpoint of TensorFlow, and what reads one of them.

    Args:
        path: the checkpoint, without what TensorFlow adds to its name: `model.ckpt`.

    Raises:
        DataError: there is no such checkpoint; or, as an array is read, it is damaged.
    """
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(str(path))
        names = reader.get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:LONGEST]
        raise DataError(f"{named(path)}: no checkpoint of TensorFlow ({reason})") from None

    def read(name: str) -> np.ndarray:
        try:
            return reader.get_tensor(name)
        except (tf.errors.OpError, RuntimeError, ValueError, IndexError) as error:
            reason = " ".join(str(error).split())[:LONGEST]
            raise DataError(f"{named(path)}: {name!r} can't be read ({reason})") from None

    return names, read


def assign(variable: keras.Variable, array: np.ndarray, path: str | Path, name: str) -> None:
    """Gives a variable the values of an array of a file.

    Args:
        variable: of a network.
        array: of its shape.
        path, name: of the file and of the array in it, for the message.

    Raises:
        DataError: the shape is another one, or a value is not finite.
    """
    if array.shape != tuple(variable.shape):
        raise DataError(
            f"{named(path)}: {name!r} has the shape {array.shape}, {tuple(variable.shape)} is "
            "expected"
        )
    if not np.isfinite(array).all():
        raise DataError(f"{named(path)}: {name!r} holds NaN or infinity")
    variable.assign(array)
