"""How much memory the constants of a graph claim beyond the bytes that the file holds of them."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorflow.core.framework.tensor_pb2 import TensorProto

STRING_SIZE = 24  # bytes of TensorFlow's string, beside the text of a long one
MAX_RANK, MAX_ELEMENTS = 254, 2**63 - 1  # TensorFlow's own


def tensor_fault(tensor: TensorProto) -> str | None:
    """Returns why a constant can't pass, in a few words; None if it can.

    >>> from tensorflow.core.framework.tensor_pb2 import TensorProto
    >>> tensor_fault(TensorProto(dtype=1, float_val=[0.5])), tensor_fault(TensorProto())
    (None, "holds a constant of the dtype 0, which is no plain tensor's")
    """
    if tensor.dtype not in _sizes():
        return f"holds a constant of the dtype {tensor.dtype}, which is no plain tensor's"
    shape = tensor.tensor_shape
    sizes = [axis.size for axis in shape.dim]
    if shape.unknown_rank or len(sizes) > MAX_RANK or min(sizes, default=0) < 0:
        return "holds a constant without a valid shape"
    if math.prod(sizes) > MAX_ELEMENTS:
        return "holds a constant of more elements than TensorFlow counts"
    return None


def excess(tensor: TensorProto) -> int:
    """Returns how many bytes a constant takes when it is unpacked, beyond those in the file.

    TensorFlow repeats the last value of one that lists too few, so a few bytes may claim a
    terabyte.

    Args:
        tensor: of a dtype and a shape that `tensor_fault` lets pass.

    Reference:
        TensorFlow, `core/framework/tensor.proto`.

    Example:
        >>> from tensorflow.core.framework.tensor_pb2 import TensorProto
        >>> one = TensorProto(dtype=1, float_val=[0.5])  # whose shape claims a million of them
        >>> _ = one.tensor_shape.dim.add(size=10**6)
        >>> excess(one)
        3999996
    """
    from tensorflow.core.framework.types_pb2 import DT_STRING

    size = _sizes()[tensor.dtype]
    count = math.prod([axis.size for axis in tensor.tensor_shape.dim])
    if tensor.dtype != DT_STRING:
        content = len(tensor.tensor_content)
        return max(count * size - (content or size * _listed(tensor)), 0)
    missing = max(count - len(tensor.string_val), 0)
    repeated = len(tensor.string_val[-1]) if tensor.string_val else 0
    return count * STRING_SIZE + missing * repeated


def _listed(tensor: TensorProto) -> int:
    fields = (value for field, value in tensor.ListFields() if field.name.endswith("_val"))
    return sum(map(len, fields))


@functools.cache
def _sizes() -> dict[int, int]:
    """Returns the bytes of an element by dtype, without handles, variants and references."""
    import tensorflow as tf
    from tensorflow.core.framework.types_pb2 import DT_RESOURCE, DT_STRING, DT_VARIANT, DataType

    plain = [
        enum
        for name, enum in DataType.items()
        if enum not in (0, DT_RESOURCE, DT_VARIANT) and not name.endswith("_REF")
    ]
    return {
        enum: STRING_SIZE if enum == DT_STRING else tf.dtypes.as_dtype(enum).size for enum in plain
    }
