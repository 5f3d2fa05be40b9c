"""TensorFlow's dtypes by their published numbers (`types.proto`), and those that travel.

So that a client can read a signature and pack an array where there is no TensorFlow.
"""

from __future__ import annotations

from typing import NamedTuple

import ml_dtypes
import numpy as np

ENUM = {
    "DT_INVALID": 0, "DT_FLOAT": 1, "DT_DOUBLE": 2, "DT_INT32": 3, "DT_UINT8": 4, "DT_INT16": 5,
    "DT_INT8": 6, "DT_STRING": 7, "DT_COMPLEX64": 8, "DT_INT64": 9, "DT_BOOL": 10, "DT_QINT8": 11,
    "DT_QUINT8": 12, "DT_QINT32": 13, "DT_BFLOAT16": 14, "DT_QINT16": 15, "DT_QUINT16": 16,
    "DT_UINT16": 17, "DT_COMPLEX128": 18, "DT_HALF": 19, "DT_RESOURCE": 20, "DT_VARIANT": 21,
    "DT_UINT32": 22, "DT_UINT64": 23, "DT_FLOAT8_E5M2": 24, "DT_FLOAT8_E4M3FN": 25, "DT_INT4": 29,
    "DT_UINT4": 30,
}  # fmt: skip
OTHER_NAMES = {"float": "float32", "double": "float64", "half": "float16"}
REFERENCE = 100  # is added for a variable's own tensor, as graphs of TensorFlow 1 have it


class Kind(NamedTuple):
    """A dtype on the wire: its name, the field of its values, and NumPy's dtype for it.

    Reference:
        TensorFlow, `core/framework/types.proto` and `tensor.proto`.

    Example:
        >>> KINDS[1]
        Kind(name='float32', field='float_val', numpy=dtype('float32'))
    """

    name: str
    field: str
    numpy: np.dtype


# The field of the message in which TensorFlow lists values of a dtype one by one. Any other dtype
# (resources, variants, quantised and complex numbers) is refused.
FIELDS = {
    "bool": "bool_val",
    "bfloat16": "half_val",
    "float16": "half_val",
    "float32": "float_val",
    "float64": "double_val",
    "int8": "int_val",
    "int16": "int_val",
    "int32": "int_val",
    "int64": "int64_val",
    "uint8": "int_val",
    "uint16": "int_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "string": "string_val",
}
_NUMPY = {"bfloat16": ml_dtypes.bfloat16, "string": object}


def _name(enum: str) -> str:
    short = enum.removeprefix("DT_").lower()
    return OTHER_NAMES.get(short, short)


NAMES = {number: _name(enum) for enum, number in ENUM.items() if number}
NUMBERS = {name: number for number, name in NAMES.items()}
KINDS = {
    NUMBERS[name]: Kind(name, field, np.dtype(_NUMPY.get(name, name)))
    for name, field in FIELDS.items()
}


def name_of(number: int) -> str | None:
    """Returns the name of a dtype by its number, of a reference that of its values; None for none.

    >>> name_of(1), name_of(101), name_of(31)
    ('float32', 'float32', None)

    Reference:
        TensorFlow, `core/framework/types.proto`.
    """
    return NAMES.get(number) or NAMES.get(number - REFERENCE)


def numpy_of(name: str) -> np.dtype | None:
    """Returns NumPy's dtype for one that travels; None for others.

    >>> numpy_of("float32"), numpy_of("string"), numpy_of("variant")
    (dtype('float32'), dtype('O'), None)
    """
    kind = KINDS.get(NUMBERS.get(name, 0))
    return None if kind is None else kind.numpy
