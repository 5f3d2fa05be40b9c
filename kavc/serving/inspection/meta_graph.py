"""Everything that is checked of one graph of a SavedModel, in order."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from kavc.errors import ExportError
from kavc.serving.inspection.file_ops import check_file_ops, fed_nodes
from kavc.serving.inspection.library import read_library
from kavc.serving.inspection.signatures import check_signatures
from kavc.texts import quoted

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

# Lists that version 1 of TensorFlow keeps beside a graph: names, which loaders run nothing of; and
# the op that initialises. `legacy_init_op`, say, is another such op, which nobody needs any more.
COLLECTIONS = frozenset(
    {
        "cond_context",
        "global_step",
        "local_variables",
        "losses",
        "model_variables",
        "moving_average_variables",
        "regularization_losses",
        "saved_model_main_op",
        "trainable_variables",
        "update_ops",
        "variables",
    }
)


def check_meta_graph(meta_graph: MetaGraphDef, allow_ops: Collection[str]) -> set[str]:
    """Checks a graph, its functions, its signatures and what its loading would run.

    Args:
        meta_graph: of a SavedModel.
        allow_ops: names of ops beside those of `ALLOWED`.

    Returns:
        The names of its ops.

    Raises:
        ExportError: names what is refused, and where.
    """
    for name in meta_graph.collection_def:
        if name not in COLLECTIONS:
            raise ExportError(
                f"the graph has a collection {quoted(name)}, which no served graph needs; known: "
                f"{', '.join(sorted(COLLECTIONS))}"
            )
    library = read_library(meta_graph.graph_def, allow_ops)
    fed = fed_nodes(meta_graph, library.graph)
    check_signatures(meta_graph, library.graph, {*fed.assets, fed.prefix})
    check_file_ops(meta_graph, library, fed)
    return {node.op for body in library.bodies() for node in body.nodes.values()}
