"""NumPy arrays to `TensorProto` and back. What comes off the wire is checked before it is unpacked.

`describe` gives dtype and shape as the message claims them, `to_array` the values, after a check
that they fill the shape exactly, and `to_proto` goes the other way.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kavc.errors import DataError
from kavc.serving.protos import MAX_MESSAGE_BYTES, TensorProto
from kavc.texts import one_line, quoted

# The field of the message in which TensorFlow lists values of a dtype one by one. Any other dtype
# (resources, variants, quantised and complex numbers) is refused.
FIELDS = {
    tf.bool: "bool_val",
    tf.bfloat16: "half_val",
    tf.float16: "half_val",
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int8: "int_val",
    tf.int16: "int_val",
    tf.int32: "int_val",
    tf.int64: "int64_val",
    tf.uint8: "int_val",
    tf.uint16: "int_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
    tf.string: "string_val",
}
MAX_RANK = 16
MAX_TENSOR_BYTES = 2**31 - 1  # protobuf holds no more
STRING = tf.string.as_datatype_enum


class Kind(NamedTuple):
    """A dtype on the wire: its name, the field of its values, and NumPy's dtype for it."""

    name: str
    field: str
    numpy: np.dtype


KINDS = {
    dtype.as_datatype_enum: Kind(dtype.name, field, np.dtype(dtype.as_numpy_dtype))
    for dtype, field in FIELDS.items()
}
NUMBERS = {kind.numpy: enum for enum, kind in KINDS.items() if enum != STRING}


def describe(proto: TensorProto, name: str, *, side: str = "input") -> tuple[str, tuple[int, ...]]:
    """Returns the dtype and shape that a message claims; reads no value.

    Args:
        proto: the message.
        name: of the input, for messages.
        side: "input" or "output", for messages.

    Raises:
        DataError: the dtype isn't one that travels, or the shape is no shape.
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


def to_array(proto: TensorProto, name: str, *, side: str = "input") -> np.ndarray:
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
    try:
        return tf.make_ndarray(proto)
    except (ValueError, TypeError, OverflowError) as error:  # 300 as a uint8, say
        reason = one_line(str(error), 200)
        raise DataError(f"{where} can't be read as {kind.name}: {reason}") from None


def to_proto(array: np.ndarray) -> TensorProto:
    """Returns an array as a message; text is sent as UTF-8, numbers as bytes.

    Raises:
        DataError: the array is over 2 GiB.
    """
    number = NUMBERS.get(array.dtype)
    if number is None:
        return tf.make_tensor_proto(array.astype(array.dtype.newbyteorder("=")))
    if array.nbytes > MAX_TENSOR_BYTES:
        raise DataError(f"{array.nbytes} bytes do not fit one message of {MAX_TENSOR_BYTES}")
    return TensorProto(
        dtype=number,
        tensor_shape={"dim": [{"size": size} for size in array.shape]},
        tensor_content=array.tobytes(),
    )
