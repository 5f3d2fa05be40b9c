"""Walks over the graphs of a SavedModel: what depends on what, and which function calls which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from kavc.errors import ExportError

if TYPE_CHECKING:
    from tensorflow.core.framework.function_pb2 import FunctionDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    Functions = Mapping[str, FunctionDef]


def functions_of(meta_graph: MetaGraphDef) -> dict[str, FunctionDef]:
    """Returns the functions of a graph's library, by name."""
    return {function.signature.name: function for function in meta_graph.graph_def.library.function}


def node_name(tensor: str) -> str:
    """Returns the node that a tensor comes from: "a" for "a:0", "a:values:0" and "^a"."""
    return tensor.removeprefix("^").split(":")[0]


def ancestors(nodes: Iterable[NodeDef], outputs: Iterable[str]) -> list[NodeDef]:
    """Returns the nodes of one graph that its outputs depend on.

    Args:
        nodes: of the graph.
        outputs: names of tensors or nodes.

    Raises:
        ExportError: a name belongs to no node.
    """
    by_name = {node.name: node for node in nodes}
    found: dict[str, NodeDef] = {}
    waiting = [node_name(output) for output in outputs]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in by_name:
            raise ExportError(f"the graph is damaged: it has no node {name!r}")
        found[name] = by_name[name]
        waiting += map(node_name, by_name[name].input)
    return list(found.values())


def called(node: NodeDef) -> set[str]:
    """Returns the functions that a node names: its own, or a branch's or a loop's."""
    values = node.attr.values()
    return {value.func.name for value in values if value.HasField("func")} | {
        function.name for value in values if value.HasField("list") for function in value.list.func
    }


def called_bodies(nodes: Iterable[NodeDef], functions: Functions) -> list[NodeDef]:
    """Returns the nodes of all functions that nodes call, through any depth of calls."""
    found: set[str] = set()
    bodies: list[NodeDef] = []
    waiting = list(nodes)
    while waiting:
        for name in called(waiting.pop()) - found:
            if name in functions:
                found.add(name)
                bodies += functions[name].node_def
                waiting += functions[name].node_def
    return bodies
