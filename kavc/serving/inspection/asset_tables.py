"""Lookup tables that are read from text files: from the assets of their own SavedModel alone.

An export keeps the path of an asset in a variable of the outermost graph, which the loader sets
before it runs the table's initialiser. So the file name of every table is followed back, out of
the functions that it was passed into, to such a variable; any other origin is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kavc.errors import ExportError
from kavc.serving.inspection.graph_walk import called, node_name

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    from kavc.serving.inspection.graph_walk import Functions

TABLES = re.compile(r"InitializeTableFromTextFile(V2)?")
FILE_INPUT = 1  # inputs of the op: table handle, file name
# How many inputs of a calling op stand before the arguments of the function.
BEFORE_ARGUMENTS = {
    "PartitionedCall": 0,
    "StatefulPartitionedCall": 0,
    "While": 0,
    "StatelessWhile": 0,
    "If": 1,
    "StatelessIf": 1,
    "Case": 1,
    "StatelessCase": 1,
}
HARMLESS = ("ReadVariableOp", "VarIsInitializedOp")


def check_tables(meta_graph: MetaGraphDef, functions: Functions) -> None:
    """Raises if a table is read from a file that is no asset.

    Args:
        meta_graph: of a SavedModel.
        functions: of its library, by name.

    Raises:
        ExportError: names the op and its place.
    """
    wanted = _FileArguments(functions)
    graph = {node.name: node for node in meta_graph.graph_def.node}
    assets = {node_name(asset.tensor_info.name) for asset in meta_graph.asset_file_def}
    for node, tensor in wanted.tensors(graph.values(), "the graph"):
        if not _is_asset(tensor, graph, assets, functions):
            raise _refusal(node, "the graph")
    objects = meta_graph.object_graph_def
    for name, function in objects.concrete_functions.items():
        arguments = wanted.of(name)
        if not arguments:
            continue
        bound = list(function.bound_inputs)
        first = len(functions[name].signature.input_arg) - len(bound)
        for index in arguments:
            kind = objects.nodes[bound[index - first]].WhichOneof("kind") if index >= first else ""
            if kind != "asset":
                raise ExportError(f"function {name} reads a table from a file that is no asset")


class _FileArguments:
    """Which arguments of each function are names of files that a table is read from."""

    def __init__(self, functions: Functions):
        self._functions = functions
        self._known: dict[str, set[int]] = {}

    def of(self, name: str) -> set[int]:
        if name in self._known or name not in self._functions:
            return self._known.get(name, set())
        self._known[name] = set()  # a function that calls itself adds nothing
        function = self._functions[name]
        arguments = [argument.name for argument in function.signature.input_arg]
        body = {node.name: node for node in function.node_def}
        for node, tensor in self.tensors(body.values(), f"function {name}"):
            origin = _origin(tensor, body)
            if origin not in arguments:
                raise _refusal(node, f"function {name}")
            self._known[name].add(arguments.index(origin))
        return self._known[name]

    def tensors(self, nodes: Iterable[NodeDef], place: str) -> list[tuple[NodeDef, str]]:
        """Returns the nodes that read tables, themselves or in what they call, and the names."""
        found = []
        for node in nodes:
            if TABLES.fullmatch(node.op):
                found.append((node, node.input[FILE_INPUT]))
            for index in set().union(*map(self.of, called(node))):
                if node.op not in BEFORE_ARGUMENTS:
                    raise _refusal(node, place)
                found.append((node, node.input[BEFORE_ARGUMENTS[node.op] + index]))
        return found


def _origin(tensor: str, nodes: dict[str, NodeDef]) -> str:
    """Returns the node, or the argument, that a tensor is the unchanged value of."""
    name = node_name(tensor)
    while name in nodes and nodes[name].op == "Identity":
        name = node_name(nodes[name].input[0])
    return name


def _is_asset(
    tensor: str, graph: dict[str, NodeDef], assets: set[str], functions: Functions
) -> bool:
    name = _origin(tensor, graph)
    if name in assets:
        return True
    if name not in graph or graph[name].op != "ReadVariableOp":
        return False
    variable = _origin(graph[name].input[0], graph)
    users = [node for node in graph.values() if variable in map(node_name, node.input)]
    return _is_alone(variable, graph, functions) and all(
        user.op in HARMLESS
        or (user.op == "AssignVariableOp" and _origin(user.input[1], graph) in assets)
        for user in users
    )


def _is_alone(variable: str, graph: dict[str, NodeDef], functions: Functions) -> bool:
    """Returns whether no other handle gives access to the same variable."""
    bodies = (node for function in functions.values() for node in function.node_def)
    shared = [
        node
        for node in (*graph.values(), *bodies)
        if node.op == "VarHandleOp" and _shared_name(node) == _shared_name(graph[variable])
    ]
    return len(shared) == 1


def _shared_name(node: NodeDef) -> str:
    return node.attr["shared_name"].s.decode(errors="replace") or node.name


def _refusal(node: NodeDef, place: str) -> ExportError:
    return ExportError(
        f"the op {node.op} ({node.name} in {place}) reads a table from a file that is no asset of "
        "the model; a served graph can't hold it"
    )
