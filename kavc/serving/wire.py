"""NumPy arrays to `TensorProto` and back. What comes off the wire is checked before it is unpacked.

`describe` gives dtype and shape as the message claims them, `to_array` the values, after a check
that they fill the shape exactly, and `to_proto` goes the other way.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from kavc.errors import DataError
from kavc.serving.protos import MAX_MESSAGE_BYTES, TensorProto

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


def describe(proto: TensorProto, name: str) -> tuple[str, tuple[int, ...]]:
    """Returns the dtype and shape that a message claims; reads no value.

    Args:
        proto: the message.
        name: of the input, for messages.

    Raises:
        DataError: the dtype isn't one that travels, or the shape is no shape.
    """
    shape = tuple(axis.size for axis in proto.tensor_shape.dim)
    if proto.tensor_shape.unknown_rank or len(shape) > MAX_RANK or any(n < 0 for n in shape):
        raise DataError(f"input {name!r} has no valid shape: {shape[:MAX_RANK]}")
    return _dtype(proto, name).name, shape


def to_array(proto: TensorProto, name: str) -> np.ndarray:
    """Returns the values of a message as an array.

    Unlike TensorFlow, which repeats the last value, this refuses a message whose values do not
    fill its shape: a few bytes could else claim gigabytes.

    Args:
        proto: the message.
        name: of the input, for messages.

    Returns:
        An array of the claimed shape; strings as objects of type bytes.

    Raises:
        DataError: as `describe`, or the values do not fill the shape.
    """
    shape = describe(proto, name)[1]
    dtype = _dtype(proto, name)
    expected = math.prod(shape)
    field = FIELDS[dtype]
    if proto.tensor_content and dtype != tf.string:
        came, unit = len(proto.tensor_content), "bytes"
        expected *= dtype.size
    else:
        came, unit = len(getattr(proto, field)), "values"
    if came != expected:
        raise DataError(
            f"input {name!r} carries {came} {unit} for {dtype.name} {shape}; expected {expected}"
        )
    if math.prod(max(size, 1) for size in shape) > MAX_MESSAGE_BYTES:  # (0, 10**12)
        raise DataError(f"input {name!r} is empty and claims {shape}; that is too large")
    try:
        return tf.make_ndarray(proto)
    except (ValueError, TypeError, OverflowError) as error:  # 300 as a uint8, say
        raise DataError(f"input {name!r} can't be read as {dtype.name}: {error}") from None


def to_proto(array: np.ndarray) -> TensorProto:
    """Returns an array as a message; text is sent as UTF-8."""
    return tf.make_tensor_proto(array)


def _dtype(proto: TensorProto, name: str) -> tf.DType:
    try:
        dtype = tf.dtypes.as_dtype(proto.dtype)
    except TypeError:
        dtype = None
    if dtype not in FIELDS:
        known = ", ".join(sorted(known.name for known in FIELDS))
        raise DataError(f"input {name!r} has dtype {proto.dtype}, which isn't one of {known}")
    return dtype
