"""The attributes of a node: those that its op declares, each of its kind and within bounds.

An attribute could name a file, hand a function's body what its caller chose, or claim memory. So no
value may be a placeholder; a free text is one that is named here with the reason why it does no
harm; a whole number is small, unless it is named here; and attributes that TensorFlow keeps for
itself are those that real exports hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kavc.serving.inspection.call_config import config_fault
from kavc.serving.inspection.tensors import tensor_fault
from kavc.texts import quoted

if TYPE_CHECKING:
    from tensorflow.core.framework.attr_value_pb2 import AttrValue

    from kavc.serving.inspection.definitions import Attribute

# The field of an `AttrValue`, and that of its list, in which a value of each kind stands.
FIELDS = {
    "string": "s",
    "int": "i",
    "float": "f",
    "bool": "b",
    "type": "type",
    "shape": "shape",
    "tensor": "tensor",
    "func": "func",
}

MAX_TEXT = 4096  # bytes: an op may repeat a text for each element
MAX_NUMBER = 2**16
MAX_PRODUCT = 2**24  # of the numbers of a list: windows, strides and paddings multiply
MAX_LISTED = 256  # numbers of a list: TensorFlow's tensors have no more axes
ANY_NUMBER = 2**63

# Texts that an op does not bound itself.
FREE_TEXTS = {
    "bad_indices_policy": "one of three words",
    "container": "a part of the session's own resources",
    "dct_method": "one of three words",
    "debug_name": "stands in messages alone",
    "delimiter": "one character",
    "encoding": "one of two words",
    "equation": "letters that name axes",
    "fill": "one character",
    "fill_mode": "one of four words",
    "interpolation": "one of two words",
    "kernel_type": "one of the names of filters",
    "message": "stands in errors alone",
    "noise": "one of three words",
    "pattern": "a regular expression of RE2, whose time is linear and whose memory is limited",
    "rewrite": "what replaces a match",
    "row_partition_types": "words of a list of three",
    "separator": "stands between texts",
    "shared_name": "a resource of the version's own session; files read by one are followed",
    "xmp_metadata": "is written into the image that is given back",
}
# Numbers that may be larger than others, with the reason in words, or must be smaller.
NUMBERS = {
    "desired_channels": (8, "times desired_samples is what the op gives"),
    "desired_samples": (2**24, "six minutes at 44.1 kHz"),
    "hash_key": (ANY_NUMBER, "a seed"),
    "key": (ANY_NUMBER, "a seed"),
    "maxlength": (ANY_NUMBER, "the shape of a sparse tensor"),
    "minlength": (ANY_NUMBER, "the shape of a sparse tensor"),
    "num_buckets": (ANY_NUMBER, "what a hash is divided by"),
    "num_elements": (ANY_NUMBER, "compared with a list's length"),
    "offset": (ANY_NUMBER, "lines that are passed over"),
    "precision": (256, "digits of each element"),
    "seed": (ANY_NUMBER, "a seed"),
    "seed2": (ANY_NUMBER, "a seed"),
    "vocab_size": (ANY_NUMBER, "compared with a file's lines"),
    "width": (256, "characters of each element"),
}
# Shapes, of which an op could take memory.
SHAPES = {
    "output_shapes": "what is expected of a branch or loop",
    "shape": "what a placeholder, a variable or a check expects of the value that it is given",
    "value_shape": "what a table expects of the values that it is given",
}
# Attributes that TensorFlow keeps for itself; only notes of real exports, which change nothing.
INTERNAL = {
    "_class": "list(string)",  # beside which node it runs
    "_collective_manager_ids": "list(int)",
    "_construction_context": "string",
    "_gradient_op_type": "string",  # what differentiates it, in Python
    "_has_manual_control_dependencies": "bool",
    "_input_shapes": "list(shape)",
    "_lower_using_switch_merge": "bool",
    "_noinline": "bool",
    "_num_original_outputs": "int",
    "_output_shapes": "list(shape)",
    "_read_only_resource_inputs": "list(int)",
    "_user_specified_name": "string",
    "_XlaMustCompile": "bool",  # the same ops, compiled: grouped convolutions on a CPU
}
EMPTY = ("_collective_manager_ids", "allowed_devices", "config", "executor_type")


def attribute_fault(
    name: str, value: AttrValue, declared: Attribute | None, *, trusted: bool = False
) -> str | None:
    """Returns why an attribute can't pass, in words that follow "its attribute X"; else None.

    Args:
        name: of the attribute.
        value: that it has.
        declared: what its op declares; None for one that it does not, or of a function.
        trusted: whether it is of an op that the operator allowed, whose texts, numbers and shapes
            may be any.

    Example:
        >>> from tensorflow.core.framework.attr_value_pb2 import AttrValue
        >>> attribute_fault("_class", AttrValue(i=1), None)
        'is of the kind int; expected list(string)'
        >>> attribute_fault("colour", AttrValue(i=1), None)
        'is none that a served graph holds'
    """
    kind = declared.kind if declared else INTERNAL.get(name)
    if kind is None:
        return "is none that a served graph holds"
    field = value.WhichOneof("value")
    if kind.startswith("list("):
        return _list_fault(name, kind[5:-1], value, field, trusted)
    if field != FIELDS.get(kind):
        return f"is {_of_kind(field)}; expected {kind}"
    if declared and declared.words and value.s not in declared.words:
        return f"is {quoted(value.s)}, which its op does not know"
    check = None if trusted and kind in MEANT else CHECKS.get(kind)
    return check(name, [getattr(value, field)], declared) if check else None


def _list_fault(
    name: str, kind: str, value: AttrValue, field: str | None, trusted: bool
) -> str | None:
    if field not in ("list", None):
        return f"is {_of_kind(field)}; expected list({kind})"
    held = value.list.ListFields()
    if any(descriptor.name != FIELDS.get(kind) for descriptor, _ in held):
        return f"is a list of other values than {kind}"
    if held and name in EMPTY:
        return "has values; expected none"
    check = None if trusted and kind in MEANT else CHECKS.get(kind)
    return check(name, held[0][1], None) if held and check else None


def _of_kind(field: str | None) -> str:
    if field == "placeholder":  # what a caller fills
        return "a placeholder"
    kinds = {field: kind for kind, field in FIELDS.items()}
    return f"of the kind {kinds.get(field or '', field or 'none')}"


def _texts_fault(name: str, values: Sequence[bytes], declared: Attribute | None) -> str | None:
    if name == "config_proto":
        return config_fault(values[0])
    if name in EMPTY:
        return f"is {quoted(values[0])}; expected none" if any(values) else None
    if not (name in FREE_TEXTS or name in INTERNAL or (declared and declared.words)):
        return "is a free text; only texts that are known to do no harm pass"
    longest = max(map(len, values), default=0)
    return f"has {longest:,} bytes; at most {MAX_TEXT:,} pass" if longest > MAX_TEXT else None


def _numbers_fault(name: str, values: Sequence[int], _: Attribute | None) -> str | None:
    if name in INTERNAL:
        return None
    if len(values) > MAX_LISTED:
        return f"lists {len(values):,} numbers; at most {MAX_LISTED} pass"
    most, _reason = NUMBERS.get(name, (MAX_NUMBER, ""))
    largest = max(values, key=abs, default=0)
    if abs(largest) > most:
        return f"is {largest}; at most {most} passes"
    product = math.prod([max(abs(number), 1) for number in values])
    if most < ANY_NUMBER and product > max(most, MAX_PRODUCT):
        return f"has numbers that multiply to more than {MAX_PRODUCT}"
    return None


def _tensors_fault(_: str, values: Sequence, __: Attribute | None) -> str | None:
    return next(filter(None, map(tensor_fault, values)), None)


def _functions_fault(_: str, values: Sequence, __: Attribute | None) -> str | None:
    # Its own attributes would fill the placeholders of the body: what runs would not stand there.
    bound = next((function for function in values if function.attr), None)
    return f"hands attributes to the function {quoted(bound.name)}" if bound else None


def _shapes_fault(name: str, _: Sequence, __: Attribute | None) -> str | None:
    known = name in SHAPES or name in INTERNAL
    return None if known else "is a shape; only those that are known to take no memory pass"


def _types_fault(_: str, values: Sequence[int], __: Attribute | None) -> str | None:
    from tensorflow.core.framework.types_pb2 import DT_FLOAT_REF

    wrong = next((each for each in values if not 0 <= each < DT_FLOAT_REF), None)
    return None if wrong is None else f"is the dtype {wrong}, which is no value's"


CHECKS: dict[str, Callable[[str, Sequence, Attribute | None], str | None]] = {
    "string": _texts_fault,
    "int": _numbers_fault,
    "tensor": _tensors_fault,
    "func": _functions_fault,
    "type": _types_fault,
    "shape": _shapes_fault,
}
MEANT = ("string", "int", "shape")  # what says the op what to do
