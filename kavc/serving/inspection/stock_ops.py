"""The ops of a SavedModel: stock ones alone, and none that reaches outside the graph.

A served graph runs with the server's rights. An op that reads or writes files, calls Python, opens
a connection or needs a GPU's library is refused when the model is written, and again before one is
loaded that came from elsewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kavc.errors import ExportError
from kavc.serving.inspection.asset_tables import check_tables
from kavc.serving.inspection.graph_walk import ancestors, called_bodies, functions_of
from kavc.serving.inspection.version_files import check_files, read_saved_model

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    from kavc.serving.inspection.graph_walk import Functions

# Families of ops by name; `tf.raw_ops` lists them all. Data pipelines have no place in a served
# graph, and most of their ops read files; queues and barriers make a request wait for another.
# InitializeTableFromTextFile may read an asset of the SavedModel itself: see `asset_tables`.
REFUSED = re.compile(
    r"PyFunc(Stateless)?|EagerPyFunc|ReadFile|WriteFile|MatchingFiles|FileSystem.*|ImmutableConst"
    r"|LoadAndRemapMatrix|GenerateVocabRemapping|FixedUnigramCandidateSampler"
    r"|.*(Dataset|Iterator|Reader|Summary|Queue).*|Debug(Identity|Numeric|Nan).*"
    r"|Send|Recv|RemoteCall|Collective.*|Nccl.*|Barrier.*|.*TPU.*|Infeed.*|Outfeed.*"
    r"|WorkerHeartbeat|Cudnn.*|Abort"
)
# Every SavedModel holds these to save and restore its variables; nothing else may reach them.
SAVERS = re.compile(r"(Distributed)?Save(V2|Slices)?|Restore(V2|Slice)?|MergeV2Checkpoints")
RESTORERS = re.compile(r"Restore(V2|Slice)?")
MAIN_OP = "saved_model_main_op"


def refuse_foreign_ops(folder: str | os.PathLike) -> set[str]:
    """Checks the graphs of a SavedModel, and the files that loading it would read.

    Args:
        folder: the SavedModel.

    Returns:
        The names of all ops in it.

    Raises:
        ExportError: an op is not TensorFlow's own, or reads, writes, calls Python, prints to a
            file or needs cuDNN; the message names op, node and function. Or a file lies outside
            the folder, or the graph can't be read.
    """
    ops = set()
    for meta_graph in read_saved_model(folder).meta_graphs:
        functions = functions_of(meta_graph)
        for node, place in _nodes(meta_graph):
            _check(node, place)
            ops.add(node.op)
        _check_savers(meta_graph, functions)
        check_tables(meta_graph, functions)
        check_files(folder, [asset.filename for asset in meta_graph.asset_file_def])
    return ops


def _nodes(meta_graph: MetaGraphDef) -> Iterator[tuple[NodeDef, str]]:
    for node in meta_graph.graph_def.node:
        yield node, "the graph"
    for function in meta_graph.graph_def.library.function:
        for node in function.node_def:
            yield node, f"function {function.signature.name}"


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


def _check_savers(meta_graph: MetaGraphDef, functions: Functions) -> None:
    """Refuses a way from what a server runs to an op that saves or restores a checkpoint."""
    graph = meta_graph.graph_def.node
    for key, signature in meta_graph.signature_def.items():
        outputs = [info.name for info in signature.outputs.values()]
        _check_reach(f"signature {key!r}", ancestors(graph, outputs), functions)
    main = list(meta_graph.collection_def[MAIN_OP].node_list.value)
    _check_reach("the op that initialises the graph", ancestors(graph, main), functions)
    for name in meta_graph.object_graph_def.concrete_functions:
        if name in functions:
            _check_reach(f"function {name}", functions[name].node_def, functions)
    restore = meta_graph.saver_def.restore_op_name
    if restore:
        nodes = ancestors(graph, [restore])
        _check_reach("the op that restores variables", nodes, functions, allowed=RESTORERS)


def _check_reach(
    what: str, nodes: list[NodeDef], functions: Functions, allowed: re.Pattern | None = None
) -> None:
    for node in [*nodes, *called_bodies(nodes, functions)]:
        if SAVERS.fullmatch(node.op) and not (allowed and allowed.fullmatch(node.op)):
            raise ExportError(
                f"{what} reaches the op {node.op} ({node.name}), which reads or "
                "writes files; a served graph can't hold it"
            )
