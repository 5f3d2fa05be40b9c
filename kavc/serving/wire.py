"""NumPy arrays to `TensorProto` and back. What comes off the wire is checked before it is unpacked.

`describe` gives dtype and shape as the message claims them, `to_array` the values, after a check
that they fill the shape exactly, and `fill` goes the other way.

Nothing here needs TensorFlow: a message is anything with the fields of `TensorProto`, TensorFlow's
own in a server, and that of `kavc.serving.messages` in a client.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from kavc.errors import DataError
from kavc.serving.dtypes import ENUM, KINDS, Kind
from kavc.serving.interface import MAX_MESSAGE_BYTES
from kavc.texts import quoted

if TYPE_CHECKING:
    from kavc.serving.protos import TensorProto

MAX_RANK = 16
MAX_TENSOR_BYTES = 2**31 - 1  # protobuf holds no more
STRING = ENUM["DT_STRING"]
NUMBERS = {kind.numpy: enum for enum, kind in KINDS.items() if enum != STRING}


def describe(proto: Any, name: str, *, side: str = "input") -> tuple[str, tuple[int, ...]]:
    """Returns the dtype and shape that a message claims; reads no value.

    Args:
        proto: the message.
        name: of the input, for messages.
        side: "input" or "output", for messages.

    Raises:
        DataError: the dtype isn't one that travels, or the shape is no shape.

    Example:
        >>> from kavc.serving.messages import TensorProto
        >>> proto = TensorProto()
        >>> fill(proto, np.zeros((2, 3), "float32"))
        >>> describe(proto, "audio")
        ('float32', (2, 3))
    """
    claimed = proto.tensor_shape
    shape = tuple([axis.size for axis in claimed.dim[:MAX_RANK]])
    if claimed.unknown_rank or len(claimed.dim) > MAX_RANK or (shape and min(shape) < 0):
        raise DataError(f"{side} {quoted(name)} has no valid shape: {shape}")
    if proto.dtype not in KINDS:
        known = ", ".join(sorted(kind.name for kind in KINDS.values()))
        where = f"{side} {quoted(name)}"
        raise DataError(f"{where} has dtype {proto.dtype}, which isn't one of {known}")
    return KINDS[proto.dtype].name, shape


def to_array(proto: Any, name: str, *, side: str = "input") -> np.ndarray:
    """Returns the values of a message as an array, which may be read-only.

    Unlike TensorFlow, which repeats the last value, this refuses a message whose values do not
    fill its shape: a few bytes could else claim gigabytes.

    Args:
        proto: the message.
        name: of the input, for messages.
        side: "input" or "output", for messages.

    Returns:
        An array of the claimed shape; strings as objects of type bytes. Numbers that came as
        bytes are a read-only view of them.

    Raises:
        DataError: as `describe`, or the values do not fill the shape.

    Reference:
        TensorFlow, `core/framework/tensor.proto`.

    Example:
        >>> from kavc.serving.messages import TensorProto
        >>> proto = TensorProto()
        >>> fill(proto, np.array([[0.5, 1.0]]))
        >>> to_array(proto, "audio").tolist()
        [[0.5, 1.0]]
        >>> proto.tensor_shape.dim[0].size = 10**9
        >>> to_array(proto, "audio")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: input 'audio' carries 16 bytes for float64 (1000000000, ...
    """
    _, shape = describe(proto, name, side=side)
    where = f"{side} {quoted(name)}"
    kind = KINDS[proto.dtype]
    expected = math.prod(shape)
    content = b"" if proto.dtype == STRING else proto.tensor_content  # each look copies the bytes
    if content:
        came, unit = len(content), "bytes"
        expected *= kind.numpy.itemsize
    else:
        came, unit = len(getattr(proto, kind.field)), "values"
    if came != expected:
        raise DataError(
            f"{where} carries {came} {unit} for {kind.name} {shape}; expected {expected}"
        )
    if content:
        return np.frombuffer(content, kind.numpy).reshape(shape)
    if math.prod(max(size, 1) for size in shape) > MAX_MESSAGE_BYTES:  # (0, 10**12)
        raise DataError(f"{where} is empty and claims {shape}; that is too large")
    values = _values(kind, getattr(proto, kind.field))
    if values is None:
        raise DataError(
            f"{where} can't be read as {kind.name}: it lists a value that {kind.name} can't hold"
        )
    return values.reshape(shape)


def _values(kind: Kind, listed: Iterable) -> np.ndarray | None:
    """Returns values that came one by one; None if one doesn't fit, as 300 as a uint8."""
    if kind.field == "string_val":
        return _objects(list(listed))
    if kind.field == "half_val":  # the bits of each
        bits = np.fromiter(listed, np.int32)
        return bits.astype(np.uint16).view(kind.numpy) if _fits(bits, np.uint16) else None
    if kind.field == "int_val":
        values = np.fromiter(listed, np.int32)
        return values.astype(kind.numpy) if _fits(values, kind.numpy) else None
    return np.fromiter(listed, kind.numpy)


def _fits(values: np.ndarray, dtype: Any) -> bool:
    limits = np.iinfo(dtype)
    return not values.size or (values.min() >= limits.min and values.max() <= limits.max)


def _objects(words: list) -> np.ndarray:
    array = np.empty(len(words), object)
    array[:] = words
    return array


def fill(proto: Any, array: np.ndarray) -> None:
    """Writes an array into an empty message; text is sent as UTF-8, numbers as bytes.

    Args:
        proto: the message.
        array: of a dtype that travels, in any byte order; text as str or as bytes.

    Raises:
        DataError: the array is over 2 GiB, or of a dtype that doesn't travel.

    Reference:
        TensorFlow, `core/framework/tensor.proto`.

    Example:
        >>> from kavc.serving.messages import TensorProto
        >>> proto = TensorProto()
        >>> fill(proto, np.array(["dog", "cat"]))
        >>> proto.dtype, proto.string_val[:], proto.tensor_shape.dim[0].size
        (7, [b'dog', b'cat'], 2)
    """
    if array.dtype not in NUMBERS:
        array = array.astype(array.dtype.newbyteorder("="))
    number = NUMBERS.get(array.dtype)
    if number is not None and array.nbytes > MAX_TENSOR_BYTES:
        raise DataError(f"{array.nbytes} bytes do not fit one message of {MAX_TENSOR_BYTES}")
    if number is None and array.dtype.kind not in "OSU":
        raise DataError(f"an array is {array.dtype}, which no message holds")
    proto.dtype = STRING if number is None else number
    proto.tensor_shape.SetInParent()  # of a single number it is empty, and not missing
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if number is not None:
        proto.tensor_content = array.tobytes()
    else:
        proto.string_val.extend(_bytes(word) for word in array.ravel().tolist())


def _bytes(word: object) -> bytes:
    if isinstance(word, str):
        return word.encode()
    if isinstance(word, bytes):
        return word
    raise DataError(f"an array of texts holds {word!r:.100}, which is none")


def to_proto(array: np.ndarray) -> TensorProto:
    """Returns an array as TensorFlow's message, which takes TensorFlow.

    Raises:
        DataError: as `fill`.

    Example:
        >>> to_proto(np.zeros((2, 3), "float32")).tensor_shape.dim[1].size
        3
    """
    from kavc.serving.protos import TensorProto

    proto = TensorProto()
    fill(proto, array)
    return proto
