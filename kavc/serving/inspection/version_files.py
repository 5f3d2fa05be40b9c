"""The files of one version of a model: whether they are all there, whole, and its own.

`read_saved_model` and `check_files` are cheap; `check_variables` reads every weight, against the
checksum that it was written with.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from kavc.errors import ExportError
from kavc.inputs.opening import read_bytes
from kavc.serving.versions import GRAPH

if TYPE_CHECKING:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

MAX_GRAPH_BYTES = 2**31 - 1  # protobuf's own limit
VARIABLES = "variables/variables"
SHARD = re.compile(r"variables\.data-(\d{5})-of-(\d{5})")


def read_saved_model(folder: str | os.PathLike) -> SavedModel:
    """Reads the graph file of a SavedModel.

    Raises:
        ExportError: there is none, or it is too large, damaged or without a graph.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path = Path(folder) / GRAPH
    content = read_bytes(path, most=MAX_GRAPH_BYTES, error=ExportError)
    try:
        saved = SavedModel.FromString(content)
    except DecodeError:
        raise ExportError(f"{path}: damaged, or no SavedModel") from None
    if not saved.meta_graphs:
        raise ExportError(f"{path}: holds no graph")
    return saved


def check_files(folder: str | os.PathLike, assets: Iterable[str] = ()) -> None:
    """Raises if loading a version would read a file that is not in its folder.

    Args:
        folder: of the version.
        assets: file names, as the graph gives them.

    Raises:
        ExportError: an asset is missing or named by a path out of `assets/`, or a link leads out.
    """
    folder = Path(folder)
    inside = folder.resolve()
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            raise ExportError(f"{path}: a link to {path.resolve()}, outside the version's folder")
    for name in assets:
        path = folder / "assets" / name
        if not path.resolve().is_relative_to(inside / "assets"):
            raise ExportError(f"{folder / GRAPH}: the asset {name!r} lies outside assets/")
        if not path.is_file():
            raise ExportError(f"{path}: missing; the version is not whole")


def check_variables(folder: str | os.PathLike) -> int:
    """Reads every variable of a version.

    Args:
        folder: of the version.

    Returns:
        How many there are.

    Raises:
        ExportError: a file is missing, cut short or damaged.
    """
    import tensorflow as tf

    folder = Path(folder)
    if not (folder / f"{VARIABLES}.index").is_file():
        if _needs_variables(folder):
            raise ExportError(f"{folder / VARIABLES}.index: missing; the version is not whole")
        return 0
    _check_shards(folder / "variables")
    try:
        reader = tf.train.load_checkpoint(os.fspath(folder / VARIABLES))
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        claimed = sum(math.prod(shapes[name]) * dtypes[name].size for name in shapes)
        if claimed > sum(path.stat().st_size for path in (folder / "variables").iterdir()):
            raise ValueError("the index claims more than there is")  # before memory is taken for it
        for name in shapes:
            reader.get_tensor(name)
    except (tf.errors.OpError, RuntimeError, ValueError, IndexError) as error:
        told = str(getattr(error, "message", None) or error).splitlines()[0]
        raise ExportError(f"{folder / 'variables'}: damaged or cut short ({told})") from None
    return len(shapes)


def _check_shards(folder: Path) -> None:
    """The checkpoint reader, given no data at all, would talk of a pattern that matches nothing."""
    shards = [SHARD.fullmatch(path.name) for path in folder.iterdir()]
    there = {(int(match[1]), int(match[2])) for match in shards if match}
    total = max((count for _, count in there), default=1)
    for index in range(total):
        if (index, total) not in there:
            name = f"variables.data-{index:05d}-of-{total:05d}"
            raise ExportError(f"{folder / name}: missing; the version is not whole")


def _needs_variables(folder: Path) -> bool:
    graphs = read_saved_model(folder).meta_graphs
    return any(graph.saver_def.restore_op_name for graph in graphs)
