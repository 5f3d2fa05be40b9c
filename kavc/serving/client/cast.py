"""A caller's arrays, cast to what a signature takes where no meaning is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kavc.errors import DataError
from kavc.serving.arrays import NO_FLOATS, is_no_float
from kavc.serving.dtypes import numpy_of
from kavc.serving.lengths import with_lengths
from kavc.serving.signature import SignatureInfo, TensorInfo, describe
from kavc.texts import quoted

FLOATS = "fV"  # bfloat16 is of the kind V


def cast_all(inputs: Mapping[str, Any], info: SignatureInfo) -> dict[str, np.ndarray]:
    """Returns the inputs of one function as its signature wants them.

    Args:
        inputs: name to array or nested lists; lengths of whole sequences may be left out, see
            `kavc.serving.lengths.with_lengths`.
        info: the signature.

    Raises:
        DataError: an input is missing, unknown, or not what `cast` takes.

    Example:
        >>> info = SignatureInfo({"audio": TensorInfo("float32", (None, 2))}, {})
        >>> cast_all({"audio": [[0.5, 1.0]]}, info)["audio"].dtype
        dtype('float32')
        >>> cast_all({"sound": [[0.5, 1.0]]}, info)
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: unknown input 'sound'. Known: audio
    """
    inputs = with_lengths(inputs, info)
    info.check_names(inputs)
    return {name: cast(value, info.inputs[name], name) for name, value in inputs.items()}


def cast(value: Any, info: TensorInfo, name: str) -> np.ndarray:
    """Returns an input as the signature wants it.

    Args:
        value: array or nested lists.
        info: what the signature takes.
        name: of the input, for messages.

    Returns:
        The array: floats and integers narrowed, text as bytes. Floats may come as a list of whole
        numbers, as `kavc.serving.arrays.is_no_float` has it.

    Raises:
        DataError: the list is ragged, a number doesn't fit the dtype, whole numbers came for
            floats, or dtype or shape are others than the signature's.

    Example:
        >>> cast(["dog", "cat"], TensorInfo("string", (None,)), "word").tolist()
        [b'dog', b'cat']
        >>> cast(np.zeros((1, 2), "uint8"), TensorInfo("float32", (None, 2)), "audio")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: input 'audio' is uint8 (1, 2); expected float32 (?, 2): ...
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise DataError(f"input {quoted(name)} is a ragged list; expected {info}") from None
    if info.dtype == "string":
        array = _bytes(array)
        info.check(name, "string" if array.dtype == object else array.dtype.name, array.shape)
        return array
    wanted = numpy_of(info.dtype)
    if wanted is None:
        raise DataError(f"input {quoted(name)} is to be {info}, which can't be sent")
    if array.size == 0 and array.dtype == np.float64:  # an empty list has no dtype of its own
        array = array.astype(wanted)
    if wanted.kind in FLOATS and is_no_float(value):
        where = describe(array.dtype.name, array.shape)
        raise DataError(f"input {quoted(name)} is {where}; expected {info}: {NO_FLOATS}")
    if wanted != array.dtype and np.can_cast(array.dtype, wanted, "same_kind"):
        array = _narrowed(array, wanted, name)
    info.check(name, array.dtype.name, array.shape)
    return array


def _narrowed(array: np.ndarray, wanted: np.dtype, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        narrow = array.astype(wanted)
    if array.dtype.kind in "iu" and not np.array_equal(narrow, array):  # 2**40, or 2**24 + 1
        raise DataError(f"input {quoted(name)} holds integers that don't fit {wanted.name}")
    if wanted.kind == "f" and array.dtype.kind == "f":
        overflow = np.isinf(narrow) & ~np.isinf(array)
        if overflow.any():
            where = f"input {quoted(name)}, {describe(array.dtype.name, array.shape)}"
            raise DataError(f"{where}, holds numbers too large for {wanted.name}")
    return narrow


def _bytes(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "USO":
        return array
    words = [word.encode() if isinstance(word, str) else word for word in array.ravel().tolist()]
    if not all(isinstance(word, bytes) for word in words):
        return array
    flat = np.empty(len(words), object)
    flat[:] = words
    return flat.reshape(array.shape)
