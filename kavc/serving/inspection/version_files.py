"""The files of one version of a model: whether they are all there, whole, and its own.

`read_saved_model` and `check_files` are cheap; `check_variables` reads every weight, against the
checksum that it was written with.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kavc.errors import ExportError
from kavc.inputs.opening import KINDS, named, read_bytes, too_large
from kavc.serving.versions import GRAPH
from kavc.texts import quoted

if TYPE_CHECKING:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

MAX_GRAPH_BYTES = 2**31 - 1  # protobuf's own limit
MAX_ENTRIES = 10_000  # files and folders of a version
MAX_ASSET_BYTES = 2**30
OTHER_GRAPHS = ("saved_model.cpb", "saved_model.pbtxt")
VARIABLES = "variables/variables"
SHARD = re.compile(r"variables\.data-(\d{5})-of-(\d{5})")


def read_saved_model(folder: str | os.PathLike) -> SavedModel:
    """Reads the graph file of a SavedModel.

    Raises:
        ExportError: there is none, or it is too large, damaged or without a graph.

    Reference:
        TensorFlow, `core/protobuf/saved_model.proto`.
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
    """Raises if loading a version could read what is no file of its own, or wait for one.

    Args:
        folder: of the version.
        assets: file names, as the graph gives them.

    Raises:
        ExportError: an asset is missing, larger than 1 GiB or named by a path out of `assets/`, a
            link leads out, a FIFO, socket or device is there, a second graph, or more than 10,000
            files and folders.
    """
    folder = Path(folder)
    inside = folder.resolve()
    for count, path in enumerate(_entries(folder)):
        if count == MAX_ENTRIES:
            raise ExportError(f"{named(folder)}: more than {MAX_ENTRIES:,} files and folders")
        _check_entry(path, inside)
    for name in OTHER_GRAPHS:
        if (folder / name).exists():
            raise ExportError(
                f"{named(folder / name)}: a second graph, which is not checked and which another "
                "loader may read; remove it"
            )
    for name in assets:
        _check_asset(folder, inside, name)


def _entries(folder: Path) -> Iterator[Path]:
    """Yields what is in a folder, at any depth, without following links."""
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    yield Path(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
        except OSError as error:
            raise ExportError(f"{named(error.filename or folder)}: {error.strerror}") from None


def _check_entry(path: Path, inside: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        target = os.path.realpath(path)
        if not Path(target).is_relative_to(inside):
            raise ExportError(
                f"{named(path)}: a link to {named(target)}, outside the version's folder"
            )
        return  # what it leads to is looked at by itself
    for is_kind, words in KINDS:
        if is_kind(mode):
            raise ExportError(f"{named(path)}: {words}; a version holds files and folders alone")


def _check_asset(folder: Path, inside: Path, name: str) -> None:
    path = folder / "assets" / name
    if "\0" in name or not Path(os.path.realpath(path)).is_relative_to(inside / "assets"):
        raise ExportError(f"{named(folder / GRAPH)}: the asset {quoted(name)} lies outside assets/")
    if not path.is_file():
        raise ExportError(f"{named(path)}: missing; the version is not whole")
    if path.stat().st_size > MAX_ASSET_BYTES:  # a table would read it whole; a sparse file is cheap
        raise ExportError(f"{named(path)}: {too_large(MAX_ASSET_BYTES)}; no table takes that")


def check_variables(folder: str | os.PathLike, *, needed: bool = True) -> int:
    """Reads every variable of a version.

    Args:
        folder: of the version.
        needed: whether its graph restores any, `saver_def.restore_op_name`.

    Returns:
        How many there are.

    Raises:
        ExportError: a file is missing, cut short or damaged.

    Reference:
        TensorFlow, the files of `core/util/tensor_bundle/tensor_bundle.h`.
    """
    import tensorflow as tf

    folder = Path(folder)
    if not (folder / f"{VARIABLES}.index").is_file():
        if needed:
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
