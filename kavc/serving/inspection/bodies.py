"""One walk over the nodes of a graph or function: each is checked, and what joins them is kept.

Messages of a graph are slow to read in Python, so that nothing reads a node twice: what comes after
asks a `Body`.
"""

from __future__ import annotations

import functools
import graphlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kavc.errors import ExportError
from kavc.serving.inspection.allowed_ops import ALLOWED
from kavc.serving.inspection.attributes import attribute_fault
from kavc.serving.inspection.definitions import (
    MAX_NAME,
    Definition,
    definition,
    input_count,
    is_op,
    output_count,
    refusal,
)
from kavc.serving.inspection.full_types import full_type_fault
from kavc.serving.inspection.tensors import excess
from kavc.texts import one_line, quoted

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef

GRAPH = "the graph"
NAME = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._/>\\-]*")  # TensorFlow's own rule
DEVICE = re.compile(
    r"(/job:localhost)?(/replica:0)?(/task:0)?(/(device:)?[CG]PU:(\*|\d{1,3}))?", re.IGNORECASE
)


@dataclass
class Body:
    """The nodes of a graph or of a function.

    Args:
        place: "the graph" or "function NAME", for messages.
        arguments: the function's, by name, with their places; none for the graph.

    Attributes:
        nodes: by name.
        inputs: node name to its inputs' names: tensors, then control inputs.
        calls: node name to the functions that it names, for each node that does.
        excess: bytes that its constants claim beyond those in the file.
    """

    place: str
    arguments: Mapping[str, int] = field(default_factory=dict)
    nodes: dict[str, NodeDef] = field(default_factory=dict)
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    calls: dict[str, tuple[str, ...]] = field(default_factory=dict)
    excess: int = 0
    _origins: dict[str, str] = field(default_factory=dict)

    @functools.cached_property
    def users(self) -> Mapping[str, list[str]]:
        """The nodes that take a tensor of each node, by its name."""
        found = defaultdict(list)
        for name, inputs in self.inputs.items():
            for tensor in inputs:
                if not tensor.startswith("^"):
                    found[node_name(tensor)].append(name)
        return found

    def sources(self, name: str) -> list[str]:
        """Returns the nodes and arguments that a node depends on."""
        return [node_name(tensor) for tensor in self.inputs[name]]

    def origin(self, tensor: str) -> str:
        """Returns the node or argument that a tensor is the unchanged value of."""
        name, passed = node_name(tensor), []
        while name in self.nodes and self.nodes[name].op == "Identity":
            passed.append(name)
            name = self._origins.get(name) or node_name(self.inputs[name][0])
        self._origins.update(dict.fromkeys(passed, name))
        return name

    def ancestors(self, tensors: Iterable[str], known: Collection[str] = ()) -> set[str]:
        """Returns the names of the nodes that tensors depend on, theirs among them.

        Args:
            tensors: names of tensors or nodes.
            known: nodes that are left out, with what they alone depend on.

        Raises:
            ExportError: a name belongs to no node.

        Example:
            >>> import tensorflow as tf
            >>> with tf.Graph().as_default() as graph:
            ...     _ = tf.add(tf.constant(1.0, name="a"), tf.constant(2.0, name="b"), name="sum")
            >>> body = read_body(graph.as_graph_def().node)
            >>> sorted(body.ancestors(["sum:0"])), body.sources("sum"), body.sources("a")
            (['a', 'b', 'sum'], ['a', 'b'], [])
        """
        found: set[str] = set()
        waiting = [node_name(tensor) for tensor in tensors]
        while waiting:
            name = waiting.pop()
            if name in found or name in known:
                continue
            if name not in self.nodes:
                raise ExportError(f"the graph is damaged: it has no node {quoted(name)}")
            found.add(name)
            waiting += self.sources(name)
        return found


def node_name(tensor: str) -> str:
    """Returns the node that a tensor comes from: "a" for "a:0", "a:values:0" and "^a".

    Example:
        >>> node_name("a:0"), node_name("a:values:0"), node_name("^a")
        ('a', 'a', 'a')
    """
    return tensor.removeprefix("^").partition(":")[0]


def read_body(
    nodes: Iterable[NodeDef],
    place: str = GRAPH,
    arguments: Iterable[str] = (),
    allow_ops: Collection[str] = (),
) -> Body:
    """Checks each node by itself, and that they join.

    Args:
        nodes: of a graph or function.
        place: for messages.
        arguments: names of the function's.
        allow_ops: names of ops beside those of `ALLOWED`.

    Raises:
        ExportError: an op, an attribute or an input is refused; names op, node and place.

    Example:
        >>> import tensorflow as tf
        >>> with tf.Graph().as_default() as graph:
        ...     _ = tf.io.read_file("words.txt", name="words")
        >>> read_body(graph.as_graph_def().node)
        Traceback (most recent call last):
            ...
        kavc.errors.ExportError: the op ReadFile (words in the graph) is none of those ...
    """
    body = Body(place, {name: index for index, name in enumerate(arguments)})
    for node in nodes:
        _read_node(node, body, allow_ops)
    _check_joints(body)
    return body


def _read_node(node: NodeDef, body: Body, allow_ops: Collection[str]) -> None:
    name, op = node.name, node.op
    if not NAME.fullmatch(name) or name in body.nodes or name in body.arguments:
        raise refusal(node, body.place, "has no name of its own; the graph is damaged")
    defined = definition(op) if op in ALLOWED or op in allow_ops else None
    if defined is None:
        raise refusal(node, body.place, _why_not(op))
    if not DEVICE.fullmatch(node.device):
        raise refusal(node, body.place, f"is placed on {quoted(node.device)}; expected a CPU")
    _check_attributes(node, defined, body)
    if node.HasField("experimental_type"):
        fault = full_type_fault(node.experimental_type, output_count(node, defined))
        if fault:
            raise refusal(node, body.place, fault)
    inputs = tuple(node.input)
    tensors = sum(not tensor.startswith("^") for tensor in inputs)
    expected = input_count(node, defined)
    if tensors != expected or any(tensor.startswith("^") for tensor in inputs[:tensors]):
        raise refusal(node, body.place, f"has {tensors} inputs; expected {expected}")
    body.nodes[name], body.inputs[name] = node, inputs


def _why_not(op: str) -> str:
    if not is_op(op):
        return "is not one of TensorFlow's own; a served graph can't hold it"
    return (
        "is none of those that can do no harm; a served graph can't hold it, unless whoever runs "
        f"the server trusts it: --allow-op {op}"
    )


def _check_attributes(node: NodeDef, defined: Definition, body: Body) -> None:
    named: list[str] = []
    for key, value in node.attr.items():
        declared = defined.attributes.get(key)
        fault = attribute_fault(key, value, declared, trusted=node.op not in ALLOWED)
        if fault:
            why = f"can't be served: its attribute {one_line(key, MAX_NAME)} {fault}"
            raise refusal(node, body.place, why)
        kind = declared.kind if declared else ""
        if kind == "func":
            named.append(value.func.name)
        elif kind == "list(func)":
            named += [function.name for function in value.list.func]
        elif kind == "tensor":
            body.excess += excess(value.tensor)
    if named:
        body.calls[node.name] = tuple(named)


def _check_joints(body: Body) -> None:
    known: Mapping[str, object] = body.nodes
    graph = {name: body.sources(name) for name in body.nodes}
    for name, sources in graph.items():
        for source in sources:
            if source not in known and source not in body.arguments:
                why = f"has an input {quoted(source)}, which is no node; the graph is damaged"
                raise refusal(body.nodes[name], body.place, why)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle = ", ".join(one_line(name, MAX_NAME) for name in error.args[1][:4])
        raise ExportError(
            f"nodes of {body.place} depend on each other in a circle: {circle}; only functions may "
            "be loops"
        ) from None
