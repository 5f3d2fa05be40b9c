"""From a finished run folder to a small one that ships: `kavc/presets/SYSTEM/NAME`."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from kavc.errors import ConfigError, ExportError, unknown
from kavc.evaluation.report import Report
from kavc.export.run_card import run_card
from kavc.files import read_json, whole_folder, write_json, write_text
from kavc.training.run import CARD, CONFIG, DATA, VERSIONS, WEIGHTS, Run

DTYPES = ("float16", "float32")


def write_preset(
    run: Run | str | os.PathLike, folder: str | os.PathLike, *, dtype: str = "float16"
) -> Path:
    """Writes a run as a preset: a run folder without what only training needs.

    It holds settings, data facts, weights in Keras' own format, report and model card, and no path
    of this machine. The network is tested again with the weights as they are stored, on the run's
    data, so that the report and the card are true of what ships; both say what storing cost.

    Args:
        run: a finished run, or its folder; its data must be there.
        folder: to write; must be new. `kavc/presets/SYSTEM/NAME` makes it `SYSTEM/NAME`.
        dtype: "float16" or "float32": how weights are stored. The network computes as ever.

    Returns:
        The folder.

    Raises:
        ConfigError: no run folder, training has not ended, or an unknown dtype.
        DataError: the run's data are missing or damaged.
        ExportError: a weight is too large for the dtype.
        FileExistsError: the folder is there.

    Example:
        write_preset("runs/improved", "kavc/presets/cross-modal-embedding/youtube8m")
    """
    run = run if isinstance(run, Run) else Run(run)
    if dtype not in DTYPES:
        raise ConfigError(unknown("dtype", dtype, DTYPES))
    with whole_folder(folder) as temporary:
        write_json(temporary / CONFIG, dataclasses.asdict(run.settings))
        write_json(temporary / DATA, _portable(run))
        write_json(temporary / VERSIONS, read_json(run.path / VERSIONS))
        _write_weights(run.network, temporary / WEIGHTS, dtype)
        preset = Run(temporary)
        report = _tested(preset, run, dtype)
        report.save(temporary)
        signatures = run.system.signatures(preset.network, run.config)
        name = f"{run.system.name}/{Path(folder).name}"
        card = run_card(preset, report, signatures, name=name, version=1)
        write_text(temporary / CARD, card)
    return Path(folder)


def _portable(run: Run) -> dict[str, Any]:
    """Returns what is known of a run's data, with names for paths."""
    source = run.source
    return run.data | {
        "source": f"{source.layout}:{source.path.name}",
        "splits": None if source.splits is None else Path(source.splits).name,
    }


def _tested(preset: Run, run: Run, dtype: str) -> Report:
    """Returns the report of a preset on the run's data, without figures and predictions."""
    report = run.system.evaluate(preset.network, run.source, run.config)
    note = (
        f"The weights are stored as {dtype}. As trained: {run.report.headline}. "
        f"As stored: {report.headline}."
    )
    return dataclasses.replace(report, figures=(), predictions={}, notes=[*report.notes, note])


def _write_weights(network: keras.Model, path: Path, dtype: str) -> None:
    """Writes weights as `save_weights` does, floats in another dtype; `load_weights` reads them."""
    full = path.with_name(f"full.{path.name}")
    network.save_weights(full)
    with h5py.File(full) as source, h5py.File(path, "w") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                made = target.require_group(name)
            else:
                made = target.create_dataset(name, data=_stored(item[()], dtype, name))
            made.attrs.update(item.attrs)

        target.attrs.update(source.attrs)
        source.visititems(copy)
    full.unlink()


def _stored(value: np.ndarray, dtype: str, name: str) -> np.ndarray:
    if value.dtype.kind != "f":
        return value
    largest = np.abs(value).max(initial=0)
    if not largest <= np.finfo(dtype).max:
        raise ExportError(f"weight {name} reaches {largest:g}, more than {dtype} holds")
    return value.astype(dtype)
