"""From a finished run folder to a small one that ships: `kavc/presets/SYSTEM/NAME`."""

from __future__ import annotations

import dataclasses
import io
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from kavc.errors import ConfigError, ExportError, unknown
from kavc.evaluation.report import Report
from kavc.export.calls import training_command
from kavc.export.portable import file_name, source_name, without_paths
from kavc.export.run_card import paths_of, run_card
from kavc.export.write_error import written
from kavc.files import write_json, write_text, write_with_digest
from kavc.inputs.json_files import read_json
from kavc.partials import new_folder
from kavc.training import asked
from kavc.training.made import made_of
from kavc.training.run import CARD, CONFIG, DATA, REPORT, VERSIONS, WEIGHTS, Run
from kavc.training.weights import save_weights

DTYPES = ("float16", "float32")


def write_preset(
    run: Run | str | os.PathLike, folder: str | os.PathLike, *, dtype: str = "float16"
) -> Path:
    """Writes a run as a preset: a run folder without what only training needs.

    It holds settings, data facts, weights in Keras' own format, what is fitted to them (such as a
    correction of hubs: centres of groups of training videos' embeddings; of few videos their own
    ones, with their ids), report and model card, and no path of this machine. The network is tested
    again with the weights as they are stored, on the run's data, so that the report and the card
    are true of what ships; both say what storing cost.

    Args:
        run: a finished run with a report, or its folder; its data must be there.
        folder: to write; must be new. `kavc/presets/SYSTEM/NAME` makes it `SYSTEM/NAME`.
        dtype: "float16" or "float32": how weights are stored. The network computes as ever.

    Returns:
        The folder.

    Raises:
        ConfigError: no run folder, training has not ended, no report, or an unknown dtype.
        DataError: the run's data are missing or damaged.
        ExportError: a weight is too large for the dtype.
        WriteError: the folder can't be written. Nothing is left of it.
        FileExistsError: the folder is there.

    Example:
        write_preset("runs/improved", "kavc/presets/cross-modal-embedding/youtube8m")
    """
    run = run if isinstance(run, Run) else Run(run)
    if dtype not in DTYPES:
        raise ConfigError(unknown("dtype", dtype, DTYPES))
    if not (run.path / REPORT).is_file():
        raise ConfigError(
            f"{run.path}: has no report, which a preset needs; go on with `kavc train --resume`"
        )
    with written(folder), new_folder(folder) as temporary:
        write_json(temporary / CONFIG, dataclasses.asdict(run.settings))
        write_json(temporary / DATA, _portable(run.data, paths_of(run)))
        write_json(temporary / VERSIONS, read_json(run.path / VERSIONS))
        _write_weights(run.network, temporary / WEIGHTS, dtype)
        preset = Run(temporary)
        preset.calibrate(run.source_for())
        asked.keep(preset)
        report = _tested(preset, run, dtype)
        report.write_into(temporary)
        signatures = run.system.signatures(preset.network, run.config)
        name = f"{run.system.name}/{Path(folder).name}"
        card = run_card(preset, report, signatures, name=name, version=1, ships=True)
        write_text(temporary / CARD, card)
    return Path(folder)


def _portable(data: dict[str, Any], known: Sequence[str] = ()) -> dict[str, Any]:
    """Returns what is known of a run's data, with names for paths, those that it may hold."""
    splits = data["splits"]
    return without_paths({key: value for key, value in data.items() if key != "classes"}, known) | {
        "source": source_name(data["source"]),
        "splits": file_name(splits) if isinstance(splits, str) else without_paths(splits),
        "classes": data["classes"],  # some vocabularies have names such as /m/04rlf
    }


def _tested(preset: Run, run: Run, dtype: str) -> Report:
    """Returns the report of a preset on the run's data, without figures and predictions."""
    began = time.monotonic()
    report = run.system.evaluate(preset.network, run.source_for(), run.config)
    made = made_of(
        [run],
        _portable(run.data, paths_of(run)),
        command=training_command(run),
        evaluation=time.monotonic() - began,
    )
    note = (
        f"The weights are stored as {dtype}. As trained: {run.report.headline}. "
        f"As stored: {report.headline}."
    )
    notes = without_paths([*report.notes, note], paths_of(run))
    return dataclasses.replace(report, figures=(), predictions={}, notes=notes, made=made)


def _write_weights(network: keras.Model, path: Path, dtype: str) -> None:
    """Writes weights as `save_weights` does, floats in another dtype; `load_weights` reads them.

    HDF5 writes into memory: where it can't write, it ends the process.
    """
    content = io.BytesIO()
    with tempfile.TemporaryDirectory(dir=path.parent) as beside:
        full = Path(beside) / path.name
        save_weights(network, full)
        with h5py.File(full) as source, h5py.File(content, "w") as target:
            _copy_weights(source, target, dtype)
    write_with_digest(path, content.getbuffer())


def _copy_weights(source: h5py.File, target: h5py.File, dtype: str) -> None:
    def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group):
            made = target.require_group(name)
        else:
            made = target.create_dataset(name, data=_stored(item[()], dtype, name))
        made.attrs.update(item.attrs)

    target.attrs.update(source.attrs)
    source.visititems(copy)


def _stored(value: np.ndarray, dtype: str, name: str) -> np.ndarray:
    if value.dtype.kind != "f":
        return value
    largest = np.abs(value).max(initial=0)
    if not largest <= np.finfo(dtype).max:
        raise ExportError(f"weight {name} reaches {largest:g}, more than {dtype} holds")
    return value.astype(dtype)
