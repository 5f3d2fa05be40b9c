"""The config files of TensorFlow Serving that lie ready beside the models.

`MODELS_DIR/models.config` says `/models/NAME`, where TensorFlow Serving's container image looks for
models: mount MODELS_DIR there. `kavc serve` finds the same models where MODELS_DIR really is.

A file that is there belongs to whoever runs the server. Its text stays, every character of it; its
permissions and owner stay; and if it is a link, what it leads to is replaced and not the link.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from kavc.errors import ConfigError
from kavc.export.config_entry import entry, with_model
from kavc.files import PARTIAL, whole_file
from kavc.inputs.opening import read_bytes
from kavc.partials import locked
from kavc.serving.configs import (
    MAX_BYTES,
    MODELS_FILE,
    MOUNTED,
    BatchingConfig,
    MonitoringConfig,
    batching_text,
    models_text,
    monitoring_text,
    read_models,
)
from kavc.systems.base import Signature

# A start, not a measurement on the operator's machine: see export/README.md on sizing.
BATCHING = BatchingConfig(
    max_batch_size=32, batch_timeout_micros=2000, num_batch_threads=4, max_enqueued_batches=100
)
Maker = Callable[[Path], str | None]  # from a file to what is to be written; None for nothing


def check_config_files(models_dir: str | os.PathLike, name: str) -> None:
    """Raises if `write_config_files` would: before an export, which takes long.

    Args:
        models_dir: folder of served models; may be missing.
        name: of the model that will be added.

    Raises:
        ConfigError: `models_dir` is a file; or a config file can't be read or written, leads
            nowhere, or can't take the model and keep what is written there. The message says what
            to add by hand.

    Reference:
        TensorFlow Serving, `config/model_server_config.proto`.
    """
    models_dir = Path(models_dir)
    if models_dir.exists() and not models_dir.is_dir():
        raise ConfigError(f"{models_dir}: a file; expected a folder of served models")
    for path, make in _makers(models_dir, name, pad=True).items():
        if make(path) is not None and _is_there(path):
            _check_writable(path, name)


def write_config_files(
    models_dir: str | os.PathLike, name: str, signatures: Mapping[str, Signature]
) -> None:
    """Writes what is missing of `models.config`, `batching.config` and `monitoring.config`.

    A file that somebody edited keeps its text; to `models.config` the model is added, if its name
    isn't in there.

    Args:
        models_dir: folder of served models.
        name: of the model.
        signatures: what it answers to; requests are padded into batches where a size varies.

    Raises:
        ConfigError: as `check_config_files`.
        OSError: a file can't be written. Those that this call made are removed again.

    Reference:
        TensorFlow Serving, `config/model_server_config.proto`, `config/monitoring_config.proto` and
        `servables/tensorflow/session_bundle_config.proto`.
    """
    with contextlib.ExitStack() as undo:
        for path, make in _makers(Path(models_dir), name, _varies(signatures)).items():
            if _update(path, make):
                undo.callback(path.unlink, missing_ok=True)
        undo.pop_all()


def _makers(models_dir: Path, name: str, pad: bool) -> dict[Path, Maker]:
    """Returns how each file is made; `models.config` comes last, since it names the model."""
    return {
        models_dir / "batching.config": lambda path: _batching(path, pad),
        models_dir / "monitoring.config": _monitoring,
        models_dir / MODELS_FILE: lambda path: _models(path, name),
    }


def _models(path: Path, name: str) -> str | None:
    base_path = f"{MOUNTED}/{name}"
    if not _is_there(path):
        return models_text({name: base_path})
    read_models(path)  # its message names the file
    before = read_bytes(path, most=MAX_BYTES, error=ConfigError).decode()
    after = with_model(before, name, base_path)
    if after is None:
        raise ConfigError(
            f"{path}: has no model_config_list to which {name!r} can be added with all else kept; "
            f"add it by hand: {entry(name, base_path)}; or export to another folder"
        )
    return None if after == before else after


def _batching(path: Path, pad: bool) -> str | None:
    ours = {
        flag: batching_text(replace(BATCHING, pad_variable_length_inputs=flag))
        for flag in (False, True)
    }
    if not _is_there(path) or (pad and _is_ours(path, ours[False])):
        return ours[pad]
    return None


def _is_ours(path: Path, text: str) -> bool:
    return read_bytes(path, most=MAX_BYTES, error=ConfigError) == text.encode()


def _monitoring(path: Path) -> str | None:
    return None if _is_there(path) else monitoring_text(MonitoringConfig())


def _varies(signatures: Mapping[str, Signature]) -> bool:
    fields = (field for signature in signatures.values() for field in signature.inputs.values())
    return any(None in field.shape for field in fields)


def _is_there(path: Path) -> bool:
    if path.is_file():
        return True
    if path.is_symlink():
        raise ConfigError(
            f"{path}: a link to {os.readlink(path)}, which is no file; bring that back or remove "
            "the link"
        )
    if path.exists():
        raise ConfigError(f"{path}: expected a file; move what is there to another name")
    return False


def _check_writable(path: Path, name: str) -> None:
    real = path.resolve()
    for each in (real, real.parent):
        if not os.access(each, os.W_OK):
            raise ConfigError(
                f"{path}: {each} can't be written to; change that, or export to another folder and "
                f"add by hand: {entry(name, f'{MOUNTED}/{name}')}"
            )
    if real.is_file() and real.stat().st_nlink > 1:
        raise ConfigError(
            f"{path}: has {real.stat().st_nlink} names (hard links), which a new file would part; "
            f"export to another folder and add by hand: {entry(name, f'{MOUNTED}/{name}')}"
        )


def _update(path: Path, make: Maker) -> bool:
    """Writes a file if there is something to write; returns whether it is a new one.

    Two exports that do so at the same time don't lose each other's entry.
    """
    real = path.resolve()
    with locked(real.parent):
        text, new = make(path), not real.exists()
        if text is None:
            return False
        _sweep(real)
        with whole_file(real) as temporary:
            temporary.write_bytes(text.encode())
            if not new:
                _take_over(real, temporary)
    return new


def _take_over(former: Path, temporary: Path) -> None:
    """Gives a file the permissions and, if that is allowed, owner and attributes of another one."""
    found = former.stat()
    with contextlib.suppress(OSError):
        for attribute in os.listxattr(former):
            os.setxattr(temporary, attribute, os.getxattr(former, attribute))
    with contextlib.suppress(PermissionError):
        os.chown(temporary, found.st_uid, found.st_gid)
    temporary.chmod(found.st_mode & 0o7777)


def _sweep(path: Path) -> None:
    """Removes what killed writers of a file left; whoever writes it now holds its folder."""
    for left in path.parent.glob(f"{PARTIAL}*"):
        if left.name.endswith(f"-{path.name}") and left.is_file():
            left.unlink(missing_ok=True)
