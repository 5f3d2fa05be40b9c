"""Published weights into networks: files of others, in the formats that they were published in."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from kavc.errors import DataError
from kavc.inputs.hdf5 import check_weights
from kavc.inputs.opening import named, open_file

if TYPE_CHECKING:
    import h5py

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
        if not all(np.isfinite(each.numpy()).all() for each in network.weights):
            raise DataError(f"{named(path)}: its weights hold NaN or infinity")
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
        DataError: the shape is another one, or a value is no number or not finite.
    """
    if array.shape != tuple(variable.shape):
        raise DataError(
            f"{named(path)}: {name!r} has the shape {array.shape}, {tuple(variable.shape)} is "
            "expected"
        )
    if array.dtype.kind not in "biuf":
        raise DataError(f"{named(path)}: {name!r} holds {array.dtype}; numbers are expected")
    if not np.isfinite(array).all():
        raise DataError(f"{named(path)}: {name!r} holds NaN or infinity")
    variable.assign(array)


def load_applications(network: keras.Model, path: str | Path, *, top: int) -> None:
    """Loads a file of Keras Applications into a network that has no layers that classify.

    Two files were published of each network, with and without these layers; they come last, so that
    either file begins with the others. Layers are taken in order, as Keras does: in a file of
    Inception the names are those that its session happened to count.

    Args:
        network: built, without the layers that classify.
        path: the file, `NAME.h5`, in Keras' former layout.
        top: the number of layers with weights that classify.

    Raises:
        DataError: the file is missing, damaged, or of another network.
    """
    layers = [layer for layer in network.layers if layer.weights]
    try:
        with open_file(path) as stream:
            check_weights(stream, unpacked=LARGEST)
            import h5py

            with h5py.File(stream, "r") as file:
                found = _layers(file.get("model_weights", file))
                if len(found) not in (len(layers), len(layers) + top):
                    raise ValueError(
                        f"it has {len(found)} layers with weights; {len(layers)} are expected, or "
                        f"{len(layers) + top} with those that classify"
                    )
                for layer, arrays in zip(layers, found, strict=False):
                    _fill(layer, arrays, path)
    except DataError:
        raise
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:LONGEST]
        raise DataError(f"{named(path)}: no weights of {network.name} ({reason})") from None


def _layers(file: h5py.Group) -> list[dict[str, h5py.Dataset]]:
    """Returns the arrays by name of each layer that has any, in order."""
    if "layer_names" not in file.attrs:
        raise ValueError("it lists no layers, as files of Keras Applications do")
    groups = [file[layer] for layer in _texts(file.attrs["layer_names"])]
    layers = [
        {name: group[name] for name in _texts(group.attrs["weight_names"])} for group in groups
    ]
    return [arrays for arrays in layers if arrays]


def _texts(names: np.ndarray) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _fill(layer: keras.Layer, arrays: dict[str, h5py.Dataset], path: str | Path) -> None:
    # As they were written: what is trained, then the statistics.
    variables = [*layer.trainable_weights, *layer.non_trainable_weights]
    if len(arrays) != len(variables):
        raise ValueError(f"{len(arrays)} arrays where {layer.name} has {len(variables)}")
    for variable, (name, array) in zip(variables, arrays.items(), strict=True):
        assign(variable, array[()], path, name)
