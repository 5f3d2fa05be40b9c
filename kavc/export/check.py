"""`kavc export --check`: whether version folders are whole, and safe and fit to be served.

Nothing is run and nothing is loaded: an unknown folder may be checked.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kavc.errors import ConfigError, KavcError
from kavc.inputs.opening import named
from kavc.serving.inspection.allowed_ops import check_ops
from kavc.serving.inspection.inspection import inspect_read
from kavc.serving.inspection.version_files import (
    check_files,
    check_variables,
    read_saved_model,
)
from kavc.serving.versions import GRAPH, is_version
from kavc.serving.warmup import read_warmup
from kavc.texts import one_line

if TYPE_CHECKING:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel


@dataclass(frozen=True)
class VersionCheck:
    """What was found of one version.

    Args:
        folder: of the version.
        ops: how many different ops its graphs hold.
        signatures: their names, printable.
        warmup: how many warm-up records it has.
        size: bytes of all its files.
        fault: why it can't be served, in one line; None where it can. What was found before that
            stands in the other fields.
    """

    folder: Path
    ops: int = 0
    signatures: tuple[str, ...] = ()
    warmup: int = 0
    size: int = 0
    fault: str | None = None


def check(folder: str | os.PathLike, *, allow_ops: Collection[str] = ()) -> list[VersionCheck]:
    """Checks every version below a folder.

    Args:
        folder: a version's, a model's or one of several models.
        allow_ops: names of ops that graphs may hold beside those that are known as harmless; what
            they do is on whoever names them.

    Returns:
        One entry a version, by model and version.

    Raises:
        ConfigError: there is no such folder, no version in it, or no op of a name.

    Example:
        for version in check("models"):
            print(version.folder, version.fault or "fit to be served")
    """
    folder = Path(folder)
    check_ops(allow_ops)
    if not folder.is_dir():
        raise ConfigError(f"{named(folder)}: no such folder")
    versions = _versions(folder)
    if not versions:
        raise ConfigError(
            f"{named(folder)} holds no version of a model; expected VERSION/{GRAPH} or "
            f"NAME/VERSION/{GRAPH}"
        )
    return [check_version(version, allow_ops=allow_ops) for version in versions]


def check_version(folder: str | os.PathLike, *, allow_ops: Collection[str] = ()) -> VersionCheck:
    """Checks one version: graph, ops, assets, weights, warm-up records. Raises nothing.

    Args:
        folder: `MODELS_DIR/NAME/VERSION`.
        allow_ops: as `check` has it.
    """
    folder = Path(folder)
    found: dict = {}
    try:
        check_files(folder)
        found["size"] = _size(folder)
        _look_inside(folder, allow_ops, found)
    except KavcError as error:
        found["fault"] = str(error)
    except Exception as error:  # a version that nobody thought of must not hide the others
        found["fault"] = f"{named(folder)}: {type(error).__name__}: {one_line(str(error))}"
    return VersionCheck(folder, **found)


def _look_inside(folder: Path, allow_ops: Collection[str], found: dict) -> None:
    """Fills what is found, as far as it gets."""
    saved = read_saved_model(folder)
    found["signatures"] = _signatures(saved)
    checked = inspect_read(saved, folder, allow_ops)
    found["ops"] = len(checked.ops)
    check_variables(folder, needed=bool(checked.serving.saver_def.restore_op_name))
    found["warmup"] = len(read_warmup(folder))


def _versions(folder: Path) -> list[Path]:
    if is_version(folder.name) or (folder / GRAPH).exists():
        return [folder]
    here = _numbered(folder)
    if here:
        return here
    models = sorted(path for path in folder.iterdir() if path.is_dir())
    return [version for model in models for version in _numbered(model)]


def _numbered(folder: Path) -> list[Path]:
    """Returns the version folders in a model's, also those without a graph."""
    found = [path for path in folder.iterdir() if path.is_dir() and is_version(path.name)]
    return sorted(found, key=lambda path: int(path.name))


def _signatures(saved: SavedModel) -> tuple[str, ...]:
    names = {
        key
        for graph in saved.meta_graphs
        for key, definition in graph.signature_def.items()
        if definition.method_name  # has none: __saved_model_init_op
    }
    return tuple(one_line(name, 200) for name in sorted(names))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
