"""`kavc export --check`: whether version folders are whole, and safe and fit to be served.

Nothing is run and nothing is loaded: an unknown folder may be checked.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from kavc.errors import ConfigError, KavcError
from kavc.serving.inspection.stock_ops import refuse_foreign_ops
from kavc.serving.inspection.version_files import check_variables, read_saved_model
from kavc.serving.versions import GRAPH, is_version
from kavc.serving.warmup import read_warmup


@dataclass(frozen=True)
class VersionCheck:
    """What was found of one version.

    Args:
        folder: of the version.
        ops: how many different ops its graphs hold.
        signatures: their names.
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


def check(folder: str | os.PathLike) -> list[VersionCheck]:
    """Checks every version below a folder.

    Args:
        folder: a version's, a model's or one of several models.

    Returns:
        One entry a version, by model and version.

    Raises:
        ConfigError: there is no such folder, or no version in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder")
    versions = _versions(folder)
    if not versions:
        raise ConfigError(
            f"{folder} holds no version of a model; expected VERSION/{GRAPH} or "
            f"NAME/VERSION/{GRAPH}"
        )
    return [check_version(version) for version in versions]


def check_version(folder: str | os.PathLike) -> VersionCheck:
    """Checks one version: graph, ops, assets, weights, warm-up records. Never raises a KavcError.

    Args:
        folder: `MODELS_DIR/NAME/VERSION`.
    """
    folder = Path(folder)
    found: dict = {"size": _size(folder)}
    try:
        found["signatures"] = _signatures(folder)
        found["ops"] = len(refuse_foreign_ops(folder))
        check_variables(folder)
        found["warmup"] = len(read_warmup(folder))
    except KavcError as error:
        found["fault"] = str(error)
    return VersionCheck(folder, **found)


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


def _signatures(folder: Path) -> tuple[str, ...]:
    definitions = {
        key: definition
        for graph in read_saved_model(folder).meta_graphs
        for key, definition in graph.signature_def.items()
    }
    return tuple(sorted(key for key, found in definitions.items() if found.method_name))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
