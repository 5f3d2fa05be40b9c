"""The config files of TensorFlow Serving that lie ready beside the models.

`MODELS_DIR/models.config` says `/models/NAME`, where TensorFlow Serving's container image looks for
models: mount MODELS_DIR there. `kavc serve` finds the same models where MODELS_DIR really is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from kavc.errors import ConfigError
from kavc.files import write_text
from kavc.serving.configs import (
    MOUNTED,
    BatchingConfig,
    MonitoringConfig,
    add_model,
    batching_text,
    models_text,
    monitoring_text,
    parse_models,
    read_models,
)
from kavc.systems.base import Signature

# A start, not a measurement on the operator's machine: see export/README.md on sizing.
BATCHING = BatchingConfig(
    max_batch_size=32, batch_timeout_micros=2000, num_batch_threads=4, max_enqueued_batches=100
)


def check_config_files(models_dir: str | os.PathLike) -> None:
    """Raises if there is a `models.config` to which no model can be added.

    Raises:
        ConfigError: it can't be read.
    """
    path = Path(models_dir) / "models.config"
    if path.exists():
        read_models(path)


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
        ConfigError: `models.config` can't be read.
    """
    models_dir = Path(models_dir)
    with _locked(models_dir):
        _write_models(models_dir / "models.config", name)
        _write_batching(models_dir / "batching.config", _varies(signatures))
        monitoring = models_dir / "monitoring.config"
        if not monitoring.exists():
            write_text(monitoring, monitoring_text(MonitoringConfig()))


def _write_models(path: Path, name: str) -> None:
    base_path = f"{MOUNTED}/{name}"
    if not path.exists():
        write_text(path, models_text({name: base_path}))
        return
    config = read_models(path)
    before = path.read_text(encoding="utf-8")
    if add_model(config, name, base_path):
        write_text(path, _with_entry(before, name, base_path, config))


def _with_entry(text: str, name: str, base_path: str, wanted: object) -> str:
    """Returns a text with one entry more, its comments and layout kept if that can be done."""
    entry = models_text({name: base_path}).partition("\n")[2].rpartition("}")[0]
    head, brace, tail = text.rpartition("}")
    with contextlib.suppress(ConfigError):
        added = f"{head.rstrip()}\n{entry}{brace}{tail}"
        if parse_models(added) == wanted:
            return added
    return models_text(wanted)


def _write_batching(path: Path, pad: bool) -> None:
    ours = {
        flag: batching_text(replace(BATCHING, pad_variable_length_inputs=flag))
        for flag in (False, True)
    }
    if not path.exists() or (pad and path.read_text(encoding="utf-8") == ours[False]):
        write_text(path, ours[pad])


def _varies(signatures: Mapping[str, Signature]) -> bool:
    fields = (field for signature in signatures.values() for field in signature.inputs.values())
    return any(None in field.shape for field in fields)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps two exports into one folder from losing each other's entry."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
