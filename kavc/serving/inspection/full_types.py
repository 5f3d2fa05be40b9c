"""Full types: TensorFlow's notes of what a node's outputs are, finer than dtypes.

Exports hold them for shapes and lists of tensors. TensorFlow trusts their form: one that is no
product of as many types as there are outputs ends the process that loads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorflow.core.framework.full_type_pb2 import FullTypeDef

MAX_DEPTH = 4  # a list of tensors of numbers, within the product


def full_type_fault(full_type: FullTypeDef, outputs: int) -> str | None:
    """Returns why the full type of a node can't pass, in a few words; None if it can.

    Args:
        full_type: of the node.
        outputs: how many the node has.

    Reference:
        TensorFlow, `core/framework/full_type.proto`.

    Example:
        >>> from tensorflow.core.framework.full_type_pb2 import FullTypeDef
        >>> full_type_fault(FullTypeDef(), 1)
        'has a full type that is no product of 1, as its outputs are'
    """
    from tensorflow.core.framework import full_type_pb2

    if full_type.type_id != full_type_pb2.TFT_PRODUCT or len(full_type.args) != outputs:
        return f"has a full type that is no product of {outputs}, as its outputs are"
    level = list(full_type.args)
    for _ in range(MAX_DEPTH):
        if any(each.WhichOneof("attr") or not _is_plain(each.type_id) for each in level):
            return "has a full type of other things than tensors and lists of them"
        level = [inner for each in level for inner in each.args]
    return "has a full type that is nested too deep" if level else None


def _is_plain(type_id: int) -> bool:
    from tensorflow.core.framework import full_type_pb2 as ids

    plain = (ids.TFT_UNSET, ids.TFT_TENSOR, ids.TFT_ARRAY, ids.TFT_SHAPE_TENSOR)
    return type_id in plain or ids.TFT_BOOL <= type_id <= ids.TFT_BFLOAT16
