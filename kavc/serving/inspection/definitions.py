"""How TensorFlow's own registry defines an op: its attributes, and what it takes and gives."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from kavc.errors import ExportError
from kavc.texts import one_line

if TYPE_CHECKING:
    from tensorflow.core.framework.attr_value_pb2 import AttrValue
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.framework.op_def_pb2 import OpDef

MAX_NAME = 200  # bytes of a name that a message shows


class Attribute(NamedTuple):
    """An attribute: its kind, such as "list(int)", the words it may be, and its default.

    Reference:
        TensorFlow, `core/framework/op_def.proto`.

    Example:
        >>> definition("MatMul").attributes["transpose_a"].kind
        'bool'
    """

    kind: str
    words: frozenset[bytes]
    default: AttrValue | None


class Argument(NamedTuple):
    """An input or output: one tensor of a dtype, or as many as an attribute says.

    Reference:
        TensorFlow, `core/framework/op_def.proto`.

    Example:
        >>> definition("MatMul").inputs[0].type_attr, definition("ConcatV2").inputs[0].number_attr
        ('T', 'N')
    """

    dtype: int
    type_attr: str
    number_attr: str
    type_list_attr: str


@dataclass(frozen=True)
class Definition:
    """An op of TensorFlow.

    Args:
        attributes: by name.
        inputs, outputs: in order.
    """

    attributes: Mapping[str, Attribute]
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]

    @functools.cached_property
    def fixed_inputs(self) -> int | None:
        """How many tensors it takes, if no attribute says that."""
        several = any(each.number_attr or each.type_list_attr for each in self.inputs)
        return None if several else len(self.inputs)


@functools.lru_cache(maxsize=2048)  # more than TensorFlow has
def definition(op: str) -> Definition | None:
    """Returns how an op is defined; None if TensorFlow has none of this name.

    >>> definition("MatMul").fixed_inputs, definition("MatMull")
    (2, None)
    """
    found = _registered(op)
    return None if found is None else _read(found)


def is_op(name: str) -> bool:
    """Returns whether TensorFlow has an op of a name, which may be any; keeps nothing.

    >>> is_op("MatMul"), is_op("MatMull")
    (True, False)
    """
    return _registered(name) is not None


def _registered(op: str) -> OpDef | None:
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(op)


def input_count(node: NodeDef, defined: Definition) -> int:
    """Returns how many tensors a node takes, by its attributes.

    Raises:
        ExportError: an attribute that says so is missing.

    Example:
        >>> from tensorflow.core.framework.node_def_pb2 import NodeDef
        >>> node = NodeDef(op="ConcatV2")
        >>> node.attr["N"].i = 3
        >>> input_count(node, definition("ConcatV2"))  # three parts, and the axis
        4
    """
    if defined.fixed_inputs is not None:
        return defined.fixed_inputs
    return sum(_count(argument, node, defined) for argument in defined.inputs)


def output_count(node: NodeDef, defined: Definition) -> int:
    """Returns how many tensors a node gives. Errors are those of `input_count`.

    >>> from tensorflow.core.framework.node_def_pb2 import NodeDef
    >>> node = NodeDef(op="Split")
    >>> node.attr["num_split"].i = 3
    >>> output_count(node, definition("Split"))
    3
    """
    return sum(_count(argument, node, defined) for argument in defined.outputs)


def output_type(node: NodeDef, port: int) -> int | None:
    """Returns the dtype, as an enum, of one output of a node; None if it has none there.

    Raises:
        ExportError: an attribute that says so is missing.

    Example:
        >>> from tensorflow.core.framework.node_def_pb2 import NodeDef
        >>> node = NodeDef(op="Shape")
        >>> output_type(node, 0), output_type(node, 1)
        (3, None)
    """
    defined = definition(node.op)
    for argument in defined.outputs if defined else ():
        count = _count(argument, node, defined)
        if port < count:
            return _type(argument, port, node, defined)
        port -= count
    return None


def types(node: NodeDef, name: str) -> list[int]:
    """Returns the attribute of a node that is a list of dtypes, as enums.

    Raises:
        ExportError: it is missing.
    """
    defined = definition(node.op)
    return list(_value(node, name, defined).list.type) if defined else []


def refusal(node: NodeDef, place: str, why: str) -> ExportError:
    """Returns the error for a node that a served graph can't hold.

    Args:
        node: of a graph or function.
        place: "the graph" or a function.
        why: what goes on after "the op X (name in place)".

    Example:
        >>> from tensorflow.core.framework.node_def_pb2 import NodeDef
        >>> str(refusal(NodeDef(op="ReadFile", name="words"), "the graph", "reads any file"))
        'the op ReadFile (words in the graph) reads any file'
    """
    return ExportError(
        f"the op {one_line(node.op, MAX_NAME)} ({one_line(node.name, MAX_NAME)} in {place}) {why}"
    )


def _count(argument: Argument, node: NodeDef, defined: Any) -> int:
    if argument.number_attr:
        return _value(node, argument.number_attr, defined).i
    if argument.type_list_attr:
        return len(_value(node, argument.type_list_attr, defined).list.type)
    return 1


def _type(argument: Argument, port: int, node: NodeDef, defined: Any) -> int:
    if argument.type_list_attr:
        return _value(node, argument.type_list_attr, defined).list.type[port]
    if argument.type_attr:
        return _value(node, argument.type_attr, defined).type
    return argument.dtype


def _value(node: NodeDef, name: str, defined: Definition) -> AttrValue:
    if name in node.attr:
        return node.attr[name]
    default = defined.attributes[name].default
    if default is None:
        raise refusal(node, "a graph", f"lacks its attribute {name!r}; the graph is damaged")
    return default


def _read(op: OpDef) -> Definition:
    attributes = {
        attr.name: Attribute(
            attr.type,
            frozenset(attr.allowed_values.list.s),
            attr.default_value if attr.HasField("default_value") else None,
        )
        for attr in op.attr
    }
    return Definition(attributes, tuple(_arguments(op.input_arg)), tuple(_arguments(op.output_arg)))


def _arguments(arguments: Any) -> Iterator[Argument]:
    for each in arguments:
        yield Argument(each.type, each.type_attr, each.number_attr, each.type_list_attr)
