"""The layout of a folder of served models: `MODELS_DIR/NAME/VERSION/saved_model.pb`."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from kavc.errors import ConfigError
from kavc.inputs.opening import named

GRAPH = "saved_model.pb"
MAX_VERSION = 2**63 - 1
# Of what is looked at: there is no such file, nor will a second look find one.
NOTHING = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


def is_version(name: str) -> bool:
    """Returns whether TensorFlow Serving would take a folder of this name for a version.

    Reference:
        TensorFlow Serving, `sources/storage_path/file_system_storage_path_source.cc`.

    Example:
        >>> [is_version(name) for name in ("3", "0003", "-1", "3a", "tmp-3")]
        [True, True, False, False, False]
    """
    return name.isascii() and name.isdecimal() and int(name) <= MAX_VERSION


def version_folders(model: str | os.PathLike) -> dict[int, Path]:
    """Returns the versions of one model that hold a graph, ascending.

    Args:
        model: `MODELS_DIR/NAME`. Whatever isn't a version folder is passed over.

    Raises:
        OSError: the folder is there, but can't be listed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as model:
        ...     for name in ("10", "9", "8"):
        ...         Path(model, name).mkdir()
        ...     Path(model, "10", GRAPH).touch()
        ...     Path(model, "9", GRAPH).touch()
        ...     list(version_folders(model))
        [9, 10]
    """
    found = numbered_folders(model)
    return {version: found[version] for version in sorted(found) if holds_graph(found[version])}


def numbered_folders(model: str | os.PathLike) -> dict[int, Path]:
    """Returns what is named as a version of one model; none if there is no such folder.

    Raises:
        OSError: the folder is there, but can't be listed.
    """
    try:
        names = [name for name in os.listdir(model) if is_version(name)]
    except OSError as error:
        if error.errno in NOTHING:
            return {}
        raise
    return {int(name): Path(model, name) for name in names}


def holds_graph(version: Path) -> bool:
    """Returns whether a version has a graph; one that can't be looked at now may have one."""
    try:
        os.stat(version / GRAPH)
    except OSError as error:
        return error.errno not in NOTHING
    return True


def model_folders(models_dir: str | os.PathLike) -> dict[str, Path]:
    """Returns the models of a folder that have at least one version, by name.

    Raises:
        ConfigError: there is no such folder, it can't be listed, its path is no UTF-8, or no model
            is in it.

    Example:
        >>> model_folders("nowhere")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: nowhere: no such folder
    """
    models_dir = Path(models_dir)
    if not os.path.isdir(models_dir):
        raise ConfigError(f"{models_dir}: no such folder")
    check_utf8(models_dir)
    try:
        models, versions = models_there(models_dir), version_folders(models_dir)
    except OSError as error:
        raise ConfigError(f"{models_dir} can't be listed: {error.strerror}") from None
    if models:
        return models
    if versions:
        raise ConfigError(
            f"{models_dir} holds the versions of one model; give the folder above it, "
            f"{models_dir.absolute().parent}"
        )
    raise ConfigError(
        f"{models_dir} holds no model; expected NAME/VERSION/{GRAPH}, as `kavc export` writes"
    )


def check_utf8(path: str | os.PathLike) -> None:
    """Raises unless TensorFlow can take a path.

    Raises:
        ConfigError: it is no UTF-8.
    """
    try:
        os.fspath(Path(path).absolute()).encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"{named(path)}: a path that is no UTF-8, which TensorFlow can't open; rename it"
        ) from None


def models_there(models_dir: str | os.PathLike) -> dict[str, Path]:
    """Returns the models of a folder that have at least one version, by name.

    What can't be looked at is passed over, and what `named_folders` passes over.

    Raises:
        OSError: the folder can't be listed.
    """
    models = {}
    for name, folder in named_folders(models_dir).items():
        with contextlib.suppress(OSError):
            if version_folders(folder):
                models[name] = folder
    return models


def named_folders(models_dir: str | os.PathLike) -> dict[str, Path]:
    """Returns the folders that may hold versions, by name; their own content is not looked at.

    Folders whose names a request can't hold (no UTF-8, or unprintable) are passed over. One that
    can't be looked at now is among them.

    Raises:
        OSError: the folder can't be listed.
    """
    with os.scandir(os.fspath(models_dir)) as entries:
        names = sorted(e.name for e in entries if e.name.isprintable() and _may_be_folder(e))
    return {name: Path(models_dir, name) for name in names}


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        return error.errno not in NOTHING
