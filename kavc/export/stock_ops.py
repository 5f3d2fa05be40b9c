"""The ops of a SavedModel: stock ones alone, and none that reaches outside the graph.

A served graph runs with the server's rights. An op that reads or writes files, calls Python, opens
a connection or needs a GPU's library is refused when the model is written, not when it is loaded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kavc.errors import ExportError

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

# Families of ops by name; `tf.raw_ops` lists them all. Data pipelines have no place in a served
# graph, and most of their ops read files. InitializeTableFromTextFile reads an asset of the
# SavedModel itself and may stay.
REFUSED = re.compile(
    r"PyFunc(Stateless)?|EagerPyFunc|ReadFile|WriteFile|MatchingFiles|FileSystem.*|ImmutableConst"
    r"|.*(Dataset|Iterator|Reader|Summary).*|Debug(Identity|Numeric|Nan).*"
    r"|Send|Recv|RemoteCall|Collective.*|Cudnn.*|Abort"
)
# Every SavedModel holds these to save and restore its variables; no signature may reach them.
SAVERS = re.compile(r"(Distributed)?Save(V2|Slices)?|Restore(V2|Slice)?|MergeV2Checkpoints")
INITIALISER = "__saved_model_init_op"


def refuse_foreign_ops(folder: str | os.PathLike) -> set[str]:
    """Checks the graphs of a SavedModel.

    Args:
        folder: the SavedModel.

    Returns:
        The names of all ops in it.

    Raises:
        ExportError: an op is not TensorFlow's own, or reads, writes, calls Python, prints to a
            file or needs cuDNN; the message names op, node and function.
    """
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel.FromString((Path(folder) / "saved_model.pb").read_bytes())
    ops = set()
    for meta_graph in saved.meta_graphs:
        functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
        bodies = {"the graph": meta_graph.graph_def.node}
        bodies |= {f"function {name}": function.node_def for name, function in functions.items()}
        for place, nodes in bodies.items():
            for node in nodes:
                _check(node, place)
                ops.add(node.op)
        _check_savers(meta_graph, functions)
    return ops


def _check(node: NodeDef, place: str) -> None:
    import tensorflow as tf

    if not hasattr(tf.raw_ops, node.op):
        why = "is not one of TensorFlow's own"
    elif REFUSED.fullmatch(node.op):
        why = "reaches outside the graph"
    elif node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file:"):
        why = "prints to a file"
    else:
        return
    raise ExportError(
        f"the op {node.op} ({node.name} in {place}) {why}; a served graph can't hold it"
    )


def _check_savers(meta_graph: MetaGraphDef, functions: Mapping) -> None:
    for key, signature in meta_graph.signature_def.items():
        if key == INITIALISER:
            continue
        outputs = [info.name for info in signature.outputs.values()]
        nodes = _ancestors(meta_graph.graph_def.node, outputs)
        for node in [*nodes, *_called_bodies(nodes, functions)]:
            if SAVERS.fullmatch(node.op):
                raise ExportError(
                    f"signature {key!r} reaches the op {node.op} ({node.name}), which reads or "
                    "writes files; a served graph can't hold it"
                )


def _ancestors(nodes: Iterable[NodeDef], outputs: Iterable[str]) -> list[NodeDef]:
    """Returns the nodes of the outermost graph that its outputs depend on."""
    by_name = {node.name: node for node in nodes}
    found: dict = {}
    waiting = [_node_name(output) for output in outputs]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = by_name[name]
            waiting += map(_node_name, by_name[name].input)
    return list(found.values())


def _called_bodies(nodes: Iterable[NodeDef], functions: Mapping) -> list[NodeDef]:
    """Returns the nodes of all functions that nodes call, through any depth of calls."""
    found: dict = {}
    waiting = list(nodes)
    while waiting:
        for name in _called(waiting.pop()):
            if name in functions and name not in found:
                found[name] = functions[name].node_def
                waiting += functions[name].node_def
    return [node for body in found.values() for node in body]


def _called(node: NodeDef) -> set[str]:
    """Returns the functions that a node names: its own, or a branch's or a loop's."""
    values = node.attr.values()
    return {value.func.name for value in values if value.HasField("func")} | {
        function.name for value in values if value.HasField("list") for function in value.list.func
    }


def _node_name(tensor: str) -> str:
    return tensor.removeprefix("^").split(":")[0]
