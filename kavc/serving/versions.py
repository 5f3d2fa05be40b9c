"""The layout of a folder of served models: `MODELS_DIR/NAME/VERSION/saved_model.pb`."""

from __future__ import annotations

import os
from pathlib import Path

from kavc.errors import ConfigError

GRAPH = "saved_model.pb"
MAX_VERSION = 2**63 - 1


def is_version(name: str) -> bool:
    """Returns whether TensorFlow Serving would take a folder of this name for a version."""
    return name.isascii() and name.isdecimal() and int(name) <= MAX_VERSION


def version_folders(model: str | os.PathLike) -> dict[int, Path]:
    """Returns the versions of one model that hold a graph, ascending.

    Args:
        model: `MODELS_DIR/NAME`. Whatever isn't a version folder is passed over.
    """
    graphs = Path(model).glob(f"*/{GRAPH}")
    found = {int(g.parent.name): g.parent for g in graphs if is_version(g.parent.name)}
    return dict(sorted(found.items()))


def model_folders(models_dir: str | os.PathLike) -> dict[str, Path]:
    """Returns the models of a folder that have at least one version, by name.

    Raises:
        ConfigError: there is no such folder, or no model in it.
    """
    models_dir = Path(models_dir)
    if not models_dir.is_dir():
        raise ConfigError(f"{models_dir}: no such folder")
    models = models_there(models_dir)
    if models:
        return models
    if version_folders(models_dir):
        raise ConfigError(
            f"{models_dir} holds the versions of one model; give the folder above it, "
            f"{models_dir.absolute().parent}"
        )
    raise ConfigError(
        f"{models_dir} holds no model; expected NAME/VERSION/{GRAPH}, as `kavc export` writes"
    )


def models_there(models_dir: str | os.PathLike) -> dict[str, Path]:
    """Returns the models of a folder that have at least one version, by name.

    Folders whose names a request can't hold (no UTF-8, or unprintable) are passed over.
    """
    folders = sorted(path for path in Path(models_dir).iterdir() if path.name.isprintable())
    return {path.name: path for path in folders if path.is_dir() and version_folders(path)}
