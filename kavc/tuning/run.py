"""Begins a sweep, or goes on with one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras_tuner

from kavc.data.source import Source
from kavc.errors import ConfigError, DataError
from kavc.evaluation.made import command
from kavc.files import sweep_partials, write_json
from kavc.folders import claim
from kavc.inputs.json_files import read_json
from kavc.inputs.records import entries, mapping
from kavc.terminal import Verbose, showing
from kavc.training.data_facts import ASSIGNMENT, KEPT, check_same, facts_of, keep_splits
from kavc.training.made import CALLS, KeptCall
from kavc.training.run import lock, versions
from kavc.tuning.checks import check_sweep
from kavc.tuning.hypermodel import SystemHyperModel
from kavc.tuning.oracles import make_oracle, planned
from kavc.tuning.progress import told
from kavc.tuning.settings import SweepSettings
from kavc.tuning.space import describe
from kavc.tuning.sweep import SWEEP, Sweep
from kavc.tuning.trial import RECORD, RUNNING
from kavc.tuning.tuner import Limits, Listener, OutOfTime, SweepTuner

LARGER_IS_WORSE = ("loss", "error", "rank")


def run_sweep(
    settings: SweepSettings,
    out: str | os.PathLike,
    *,
    resume: bool = False,
    source: Source | None = None,
    limits: Limits | None = None,
    listener: Listener | None = None,
    verbose: Verbose = "auto",
) -> Sweep:
    """Runs the trials of a sweep; leaves everything in a sweep folder.

    A sweep that was killed, at any moment, and is called again with `resume=True` repeats the trial
    that was running and ends with the same trials, for every tuner: bit for bit on a CPU with the
    same versions and thread settings. One that was interrupted, or whose time was up, too.

    Args:
        settings: what decides it.
        out: the sweep folder; must be new, or no trial in it has ended, unless `resume`.
        resume: go on with the sweep in `out`; a new one begins if there is none.
        source: the data, in place of those that the settings name: the sweep's own
            (`Sweep.source`), to go on with splits that the user has edited since.
        limits: how long it, and each trial, may take.
        listener: is told how it goes.
        verbose: how progress is shown, as of `kavc.train`.

    Returns:
        The sweep: at its end, or where its time was up.

    Raises:
        ConfigError: a setting doesn't fit, `out` is in use or holds something else, the first trial
            fails, or 10 in a row do.
        DataError: the data are missing, damaged, or not those that the sweep began with, in their
            files, classes or splits; or a split can't be used.

    Example:
        settings = SweepSettings("ti-avc", "synthetic:corpus", tuner="random", trials=20)
        sweep = run_sweep(settings, "sweeps/ti-avc")
    """
    called = command("kavc.tuning.run_sweep", settings, str(out), resume=resume, source=source)
    opened = open_sweep(
        settings, out, resume=resume, source=source, limits=limits, listener=listener, called=called
    )
    with showing(verbose), opened as tuner, contextlib.suppress(OutOfTime):
        tuner.search()
    return Sweep(out)


@contextlib.contextmanager
def open_sweep(
    settings: SweepSettings,
    out: str | os.PathLike,
    *,
    resume: bool = False,
    source: Source | None = None,
    limits: Limits | None = None,
    listener: Listener | None = None,
    called: str = "",
) -> Iterator[SweepTuner]:
    """Yields the tuner of a sweep folder that is this process's own until the block ends.

    Args and errors are those of `run_sweep`, but for those of trials. Tells how it goes. The folder
    keeps as what worked on it what was `called`, this function by default.
    """
    limits, out = limits or Limits(), Path(out)
    began = time.monotonic() if limits.began is None else limits.began
    check_sweep(settings, out, resume=resume, source=source)
    hypermodel = make_hypermodel(settings, source)
    oracle = oracle_of(settings, hypermodel)
    info = hypermodel.examples.info(hypermodel.base)
    hypermodel.system.check(info, hypermodel.base, ("train", "validation"))
    with lock(out):
        claim(out, "sweep")
        sweep_partials(out)
        if resume:
            _check_state(out)
        else:
            _forget_begun(out)
        _begin(out, settings, hypermodel, oracle)
        opened = command("kavc.tuning.run.open_sweep", settings, str(out), resume=resume)
        KeptCall(out, called or opened, began=began)
        sweep = Sweep(out)
        with told(sweep, listener or Listener()) as teller:
            teller.on_sweep_begin(sweep)
            with contextlib.redirect_stdout(io.StringIO()):  # KerasTuner says what it reloads
                tuner = SweepTuner(
                    oracle, hypermodel, out, limits=limits, listener=teller, began=began
                )
            yield tuner


def make_hypermodel(settings: SweepSettings, source: Source | None = None) -> SystemHyperModel:
    """Returns what a sweep tunes.

    Args:
        settings: of the sweep.
        source: as of `run_sweep`.
    """
    return SystemHyperModel(
        settings.system,
        source or settings.data,
        splits=settings.splits,
        preset=settings.preset,
        overrides=settings.set,
        space=settings.space,
        seed=settings.seed,
        patience=settings.patience,
    )


def oracle_of(settings: SweepSettings, hypermodel: SystemHyperModel) -> keras_tuner.Oracle:
    """Returns what proposes a sweep's trials."""
    return make_oracle(
        settings.tuner,
        parse_objective(settings.objective, hypermodel.objective),
        hypermodel.space,
        trials=settings.trials,
        epochs=hypermodel.epochs,
        seed=settings.seed,
    )


def parse_objective(text: str | None, default: keras_tuner.Objective) -> keras_tuner.Objective:
    """Reads "NAME" or "NAME:min" or "NAME:max"; None is the default.

    Whether the model reports it is known only when it is trained.

    Raises:
        ConfigError: no direction is given, and it is not known.

    Example:
        >>> default = keras_tuner.Objective("val_auc", "max")
        >>> parse_objective("val_loss", default).direction, parse_objective(None, default).name
        ('min', 'val_auc')
        >>> parse_objective("val_ndcg", default)
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: objective 'val_ndcg': say which way is better, as ...
    """
    if text is None or text == default.name:
        return default
    name, colon, direction = text.partition(":")
    if not colon and any(word in name for word in LARGER_IS_WORSE):
        direction = "min"
    if direction not in ("min", "max"):
        raise ConfigError(
            f"objective {text!r}: say which way is better, as {name}:max or {name}:min; the "
            f"default is {default.name}:{default.direction}"
        )
    return keras_tuner.Objective(name, direction)


def _check_state(out: Path) -> None:
    """Refuses to go on without all that KerasTuner wrote: it would begin again over the trials.

    Raises:
        DataError: a file is missing or damaged.
    """
    folders = {path.name.removeprefix("trial_"): path for path in out.glob("trial_*")}
    if not folders:
        return
    _state(out / "tuner0.json")
    oracle = _state(out / "oracle.json")
    orders = {"start_order": list[str] | None, "end_order": list[str] | None}
    order = entries(oracle, orders, out / "oracle.json")
    for trial in order["start_order"] or ():
        folder = folders.get(trial, out / f"trial_{trial}")
        _state(folder / "trial.json")
        if trial in (order["end_order"] or ()):
            _state(folder / RECORD)


def _state(file: Path) -> dict[str, Any]:
    if not file.exists():
        raise DataError(f"{file}: missing; bring it back to go on, or begin in another folder")
    try:
        return dict(mapping(read_json(file), file))
    except DataError as error:
        raise DataError(f"{error}; bring it back to go on, or begin in another folder") from None


def _forget_begun(out: Path) -> None:
    """Removes a sweep of which nothing is there yet, as one that was refused in its first trial."""
    if not (out / SWEEP).exists():
        return
    if any(trial.status != RUNNING for trial in Sweep(out).trials):
        raise ConfigError(f"{out}: holds a sweep already; use --resume to go on with it")
    for folder in out.glob("trial_*"):
        if any((folder / name).exists() for name in ("trial.json", RECORD)):
            shutil.rmtree(folder)
    for name in (
        "tuner0.json",
        "oracle.json",
        KEPT,
        CALLS,
        SWEEP,
    ):  # without the last one it's no sweep
        (out / name).unlink(missing_ok=True)


def _begin(
    out: Path, settings: SweepSettings, hypermodel: SystemHyperModel, oracle: keras_tuner.Oracle
) -> None:
    """Writes what is known before the first trial, or checks that it is still so."""
    source, info = hypermodel.examples.source, hypermodel.examples.info(hypermodel.base)
    facts = facts_of(source, info)
    described: dict[str, Any] = {
        "settings": asdict(settings) | {"data": facts["source"], "splits": facts["splits"]},
        "versions": versions() | {"keras-tuner": keras_tuner.__version__},
        "data": facts,
        "objective": {"name": oracle.objective.name, "direction": oracle.objective.direction},
        "epochs": hypermodel.epochs,
        "planned": planned(oracle, hypermodel.epochs),
        "first": hypermodel.config(hypermodel.space.copy()).to_dict(),
        "space": describe(hypermodel.space),
    }
    if (out / SWEEP).exists():
        begun = Sweep(out).described
        check_same(out, Sweep(out).facts, facts, "begun")
        _refuse_difference(out, begun, described)
        described["versions"] = begun["versions"]
        if ASSIGNMENT not in begun["data"]:
            del facts[ASSIGNMENT]  # of its earlier trials it isn't known
    keep_splits(out, source)
    write_json(out / SWEEP, described)


def _refuse_difference(out: Path, begun: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses to go on where what varies is not what a sweep was begun with."""
    for name in ("objective", "epochs", "first", "space"):
        if begun[name] != json.loads(json.dumps(now[name])):
            raise ConfigError(
                f"{out} was begun by a version of kavc with another {name}; go on with "
                f"kavc {begun['versions'].get('kavc', 'of then')}, or use another folder"
            )
