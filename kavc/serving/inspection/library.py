"""The functions of a graph: each a body of its own, and what becomes of them put in one another.

TensorFlow puts functions in place of their calls. One that calls another twice, forty times over,
would be a graph of a trillion nodes; so what would come out is counted, exactly, before anything is
built.
"""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from kavc.errors import ExportError
from kavc.serving.inspection.attributes import attribute_fault
from kavc.serving.inspection.bodies import GRAPH, Body, node_name, read_body
from kavc.serving.inspection.definitions import MAX_NAME, is_op, refusal, types
from kavc.texts import one_line, quoted

if TYPE_CHECKING:
    from tensorflow.core.framework.function_pb2 import FunctionDef
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef

MAX_NODES = 10**6
MAX_BYTES = 2**31 - 1  # protobuf's own limit, for the graph with all functions in place
MAX_EXCESS = 256 * 2**20  # bytes that constants claim beyond those in the file
MAX_DEPTH = 100  # calls within calls: TensorFlow follows them on the stack


class Call(NamedTuple):
    """How an op calls a function that it names: what it hands over, and what it gets back.

    Args:
        before: its inputs before the function's arguments.
        given: the attribute that lists the arguments' dtypes.
        taken: that of the results'; None where they are one, of any dtype.

    Example:
        >>> CALLS["PartitionedCall"]["f"], CALLS["If"]["then_branch"].before
        (Call(before=0, given='Tin', taken='Tout'), 1)
    """

    before: int
    given: str
    taken: str | None


CALLS: dict[str, dict[str, Call]] = {
    "PartitionedCall": {"f": Call(0, "Tin", "Tout")},
    "StatefulPartitionedCall": {"f": Call(0, "Tin", "Tout")},
    "If": {branch: Call(1, "Tin", "Tout") for branch in ("then_branch", "else_branch")},
    "StatelessIf": {branch: Call(1, "Tin", "Tout") for branch in ("then_branch", "else_branch")},
    "Case": {"branches": Call(1, "Tin", "Tout")},
    "StatelessCase": {"branches": Call(1, "Tin", "Tout")},
    "While": {"cond": Call(0, "T", None), "body": Call(0, "T", "T")},
    "StatelessWhile": {"cond": Call(0, "T", None), "body": Call(0, "T", "T")},
}


@dataclass(frozen=True)
class Library:
    """A graph and the functions that it may call, checked.

    Args:
        graph: the outermost body.
        functions: bodies by name, each after all that it calls.
    """

    graph: Body
    functions: Mapping[str, Body]

    def bodies(self) -> Iterable[Body]:
        """Yields every body, the graph last."""
        yield from self.functions.values()
        yield self.graph


class _Cost(NamedTuple):
    """What a body comes to with all functions in place of their calls."""

    nodes: int
    size: int
    excess: int
    depth: int


def read_library(graph: GraphDef, allow_ops: Collection[str] = ()) -> Library:
    """Checks a graph and its functions: every node, every call, and what they come to.

    Args:
        graph: of a SavedModel.
        allow_ops: names of ops beside those of `ALLOWED`.

    Raises:
        ExportError: a node, a function or a call is refused, or all together are too large.

    Example:
        >>> import tensorflow as tf
        >>> with tf.Graph().as_default() as graph:
        ...     _ = tf.function(tf.nn.relu)(tf.zeros([2]))
        >>> library = read_library(graph.as_graph_def())
        >>> [sorted(node.op for node in body.nodes.values()) for body in library.bodies()]
        [['Identity', 'Relu'], ['Const', 'PartitionedCall']]
    """
    if graph.library.gradient:
        name = quoted(graph.library.gradient[0].function_name)
        raise ExportError(f"the graph maps functions to gradients ({name}); no served graph does")
    count = len(graph.node) + sum(len(each.node_def) for each in graph.library.function)
    if count > MAX_NODES:  # before the walk, which takes its time for each
        raise ExportError(f"the graph holds {count:,} nodes; at most {MAX_NODES:,} pass")
    definitions: dict[str, FunctionDef] = {}
    bodies: dict[str, Body] = {}
    for function in graph.library.function:
        name = function.signature.name
        _check_name(name, known=definitions)
        _check_signature(function)
        definitions[name] = function
        arguments = [argument.name for argument in function.signature.input_arg]
        place = f"function {one_line(name, MAX_NAME)}"
        bodies[name] = read_body(function.node_def, place, arguments, allow_ops)
    outermost = read_body(graph.node, GRAPH, (), allow_ops)
    for name, function in definitions.items():
        _check_attributes(function)
        _check_results(function, bodies[name])
    for body in (*bodies.values(), outermost):
        _check_calls(body, definitions)
    functions = {name: bodies[name] for name in _callees_first(bodies)}
    _check_costs(outermost, functions, definitions, graph)
    return Library(outermost, functions)


def _check_name(name: str, known: Collection[str]) -> None:
    if name in known:
        raise ExportError(f"two functions have the name {one_line(name, MAX_NAME)}")
    if is_op(name):
        raise ExportError(f"a function has the name of an op, {name}")


def _check_signature(function: FunctionDef) -> None:
    shown = one_line(function.signature.name, MAX_NAME)
    arguments = (*function.signature.input_arg, *function.signature.output_arg)
    if function.signature.attr or any(
        each.type_attr or each.number_attr or each.type_list_attr or each.is_ref
        for each in arguments
    ):
        raise ExportError(
            f"function {shown} is of many types, which its callers choose; no served graph's is"
        )
    names = [each.name for each in function.signature.input_arg]
    if len(set(names)) < len(names):
        raise ExportError(f"two arguments of function {shown} have one name")
    if any(each.HasField("experimental_full_type") for each in arguments):
        raise ExportError(f"function {shown} has full types of its own; no served graph's has")


def _check_attributes(function: FunctionDef) -> None:
    of_arguments = (each.attr for each in function.arg_attr.values())
    for attributes in (function.attr, *of_arguments):
        for key, value in attributes.items():
            fault = attribute_fault(key, value, None)
            if fault:
                shown = one_line(function.signature.name, MAX_NAME)
                raise ExportError(
                    f"function {shown} can't be served: its attribute {one_line(key, MAX_NAME)} "
                    f"{fault}"
                )


def _check_results(function: FunctionDef, body: Body) -> None:
    results = {result.name for result in function.signature.output_arg}
    if set(function.ret) != results:
        raise ExportError(f"{body.place} does not give what it declares; the graph is damaged")
    for tensor in (*function.ret.values(), *function.control_ret.values()):
        if node_name(tensor) not in body.nodes and node_name(tensor) not in body.arguments:
            raise ExportError(f"{body.place} gives {quoted(tensor)}, which is no node of it")


def _check_calls(body: Body, definitions: Mapping[str, FunctionDef]) -> None:
    for name, functions in body.calls.items():
        node = body.nodes[name]
        for function in functions:
            if function not in definitions:
                why = f"calls {quoted(function)}, which is no function of the file"
                raise refusal(node, body.place, why)
        for attribute, call in CALLS.get(node.op, {}).items():
            value = node.attr.get(attribute)
            for function in (value.func, *value.list.func) if value else ():
                if function.name and not _fits(call, node, definitions[function.name]):
                    why = f"calls {quoted(function.name)} with other tensors than it takes or gives"
                    raise refusal(node, body.place, why)


def _fits(call: Call, node: NodeDef, function: FunctionDef) -> bool:
    arguments = [argument.type for argument in function.signature.input_arg]
    results = [result.type for result in function.signature.output_arg]
    if call.taken is None:
        return types(node, call.given) == arguments and len(results) == 1
    return types(node, call.given) == arguments and types(node, call.taken) == results


def _callees_first(bodies: Mapping[str, Body]) -> list[str]:
    graph = {
        name: [called for functions in body.calls.values() for called in functions]
        for name, body in bodies.items()
    }
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        circle = ", ".join(one_line(name, MAX_NAME) for name in error.args[1][:4])
        raise ExportError(f"functions call each other in a circle: {circle}") from None


def _check_costs(
    outermost: Body,
    functions: Mapping[str, Body],
    definitions: Mapping[str, FunctionDef],
    graph: GraphDef,
) -> None:
    costs: dict[str, _Cost] = {}
    for name, body in functions.items():
        costs[name] = _cost(body, definitions[name].ByteSize(), costs)
    library = sum(function.ByteSize() for function in definitions.values())
    _cost(outermost, graph.ByteSize() - library, costs)


def _cost(body: Body, size: int, costs: Mapping[str, _Cost]) -> _Cost:
    inner = [costs[called] for functions in body.calls.values() for called in functions]
    cost = _Cost(
        len(body.nodes) + sum(each.nodes for each in inner),
        size + sum(each.size for each in inner),
        body.excess + sum(each.excess for each in inner),
        1 + max((each.depth for each in inner), default=0),
    )
    limits = _Cost(MAX_NODES, MAX_BYTES, MAX_EXCESS, MAX_DEPTH)
    words = ("nodes", "bytes", "bytes of constants that the file does not hold", "calls deep")
    for came, most, what in zip(cost, limits, words, strict=True):
        if came > most:
            raise ExportError(
                f"{body.place} comes to {came:,} {what}, with all functions in place of their "
                f"calls; at most {most:,} pass"
            )
    return cost
