"""`inspect`: what a server may load of a version, read once and checked.

A served graph runs with the server's rights. So its ops are those of a list that can do no harm
(`allowed_ops`), their attributes are bounded, the files that they touch are the version's own, and
what a server then loads is what was checked, and not the file, which may have changed since.

What this does not bound is how long a graph computes and how much memory it fills with what it
computes: that depends on what it is asked.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kavc.errors import ExportError
from kavc.serving.inspection.meta_graph import check_meta_graph
from kavc.serving.inspection.signatures import check_askable
from kavc.serving.inspection.version_files import check_files, read_saved_model

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

SERVE = {"serve"}  # the tags of the graph that servers load


@dataclass(frozen=True)
class Inspection:
    """What was checked, as it was read.

    Attributes:
        serving: the graph with the tag "serve".
        ops: names of all ops of all graphs in the file.
        assets: nodes of `serving` that are fed an asset's path, to the path in `assets/`.
    """

    serving: MetaGraphDef
    ops: frozenset[str]
    assets: dict[str, str]


def inspect(folder: str | os.PathLike, *, allow_ops: Collection[str] = ()) -> Inspection:
    """Reads a version's graphs once, and checks them and the files that loading would read.

    Args:
        folder: the SavedModel.
        allow_ops: names of further ops that its graphs may hold. What these do is not known here;
            whoever names them answers for it. Their inputs and attributes are checked all the same.

    Raises:
        ExportError: an op, an attribute, a function, a signature or a file is refused; the message
            says which, and where. Or there is no graph with the tag "serve" alone, or none of its
            signatures can be asked.

    Reference:
        TensorFlow, `core/protobuf/saved_model.proto` and `meta_graph.proto`.

    Example:
        found = inspect("models/ti-avc/3")
        print(sorted(found.ops), list(found.serving.signature_def))
    """
    return inspect_read(read_saved_model(folder), folder, allow_ops)


def inspect_read(
    saved: SavedModel, folder: str | os.PathLike, allow_ops: Collection[str] = ()
) -> Inspection:
    """Checks a SavedModel that was read; else as `inspect`."""
    ops = check_graphs(saved, folder, allow_ops)
    served = [graph for graph in saved.meta_graphs if set(graph.meta_info_def.tags) == SERVE]
    if len(served) != 1:
        raise ExportError(f"{len(served)} graphs have the tag 'serve' alone; expected one")
    check_askable(served[0])
    assets = {each.tensor_info.name: each.filename for each in served[0].asset_file_def}
    return Inspection(served[0], ops, assets)


def check_graphs(
    saved: SavedModel, folder: str | os.PathLike, allow_ops: Collection[str] = ()
) -> frozenset[str]:
    """Checks all graphs of a SavedModel and its files, whether or not a server could load one.

    Args:
        saved: as it was read.
        folder: where.
        allow_ops: as `inspect` has it.

    Returns:
        The names of all its ops.

    Raises:
        ExportError: as `inspect`.
    """
    assets = [asset.filename for graph in saved.meta_graphs for asset in graph.asset_file_def]
    check_files(folder, assets)
    ops: set[str] = set()
    for graph in saved.meta_graphs:
        ops |= check_meta_graph(graph, allow_ops)
    return frozenset(ops)
