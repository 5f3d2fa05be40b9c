"""Begins a sweep, or goes on with one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import keras_tuner

from kavc.errors import ConfigError, DataError
from kavc.files import read_json, sweep_partials, write_json
from kavc.training.run import lock, versions
from kavc.tuning.hypermodel import SystemHyperModel
from kavc.tuning.oracles import make_oracle, planned
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
    limits: Limits | None = None,
    listener: Listener | None = None,
) -> Sweep:
    """Runs the trials of a sweep; leaves everything in a sweep folder.

    A sweep that was killed, at any moment, and is called again with `resume=True` repeats the trial
    that was running and ends with the same trials, for every tuner: bit for bit on a CPU with the
    same versions and thread settings. One that was interrupted, or whose time was up, too.

    Args:
        settings: what decides it.
        out: the sweep folder; must be new, or no trial in it has ended, unless `resume`.
        resume: go on with the sweep in `out`; a new one begins if there is none.
        limits: how long it, and each trial, may take.
        listener: is told how it goes.

    Returns:
        The sweep: at its end, or where its time was up.

    Raises:
        ConfigError: a setting doesn't fit, `out` is in use or holds something else, the first trial
            fails, or 10 in a row do.
        DataError: the data are missing, damaged, or not those that the sweep began with.

    Example:
        settings = SweepSettings("ti-avc", "synthetic:corpus", tuner="random", trials=20)
        sweep = run_sweep(settings, "sweeps/ti-avc")
    """
    opened = open_sweep(settings, out, resume=resume, limits=limits, listener=listener)
    with opened as tuner, contextlib.suppress(OutOfTime):
        tuner.search()
    return Sweep(out)


@contextlib.contextmanager
def open_sweep(
    settings: SweepSettings,
    out: str | os.PathLike,
    *,
    resume: bool = False,
    limits: Limits | None = None,
    listener: Listener | None = None,
) -> Iterator[SweepTuner]:
    """Yields the tuner of a sweep folder that is this process's own until the block ends.

    Args and errors are those of `run_sweep`, but for those of trials.
    """
    began, out = time.monotonic(), Path(out)
    _refuse_keras_tuners_chief()
    _refuse_other_content(out, settings, resume)
    with lock(out):
        sweep_partials(out)
        if resume:
            _check_state(out)
        else:
            _forget_begun(out)
        hypermodel = make_hypermodel(settings)
        oracle = oracle_of(settings, hypermodel)
        _begin(out, settings, hypermodel, oracle)
        listener = listener or Listener()
        listener.on_sweep_begin(Sweep(out))
        with contextlib.redirect_stdout(io.StringIO()):  # KerasTuner says what it reloads
            tuner = SweepTuner(
                oracle, hypermodel, out, limits=limits, listener=listener, began=began
            )
        yield tuner


def make_hypermodel(settings: SweepSettings) -> SystemHyperModel:
    """Returns what a sweep tunes."""
    return SystemHyperModel(
        settings.system,
        settings.data,
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


def _refuse_other_content(out: Path, settings: SweepSettings, resume: bool) -> None:
    if out.is_file():
        raise ConfigError(f"{out}: a file; a sweep needs a folder")
    content = [path.name for path in out.iterdir()] if out.is_dir() else []
    foreign = [name for name in content if not name.startswith(".")]
    if foreign and SWEEP not in content:
        raise ConfigError(
            f"{out}: not empty and no sweep folder (it holds {foreign[0]!r}); use a new folder"
        )
    if SWEEP not in content:
        return
    if not resume:
        return
    begun = Sweep(out).settings
    for each in fields(SweepSettings):
        before, now = getattr(begun, each.name), getattr(settings, each.name)
        if before != now and not _may_change(each.name, before, now):
            raise ConfigError(
                f"{out} was begun with {each.name} {before!r}, not {now!r}; resume it as it was "
                "or use another folder"
            )


def _may_change(name: str, before: Any, now: Any) -> bool:
    """Whether a setting may be another one when a sweep goes on.

    Data may have been moved: their fingerprint decides. There may be more trials.
    """
    grows = name == "trials" and None not in (before, now) and now > before
    return grows or name in ("data", "splits")


def _refuse_keras_tuners_chief() -> None:
    """KerasTuner would start its own chief, or call its files otherwise."""
    for name in ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP"):
        if name in os.environ:
            raise ConfigError(
                f"{name} is set, for KerasTuner's own chief; unset it, and share a sweep by "
                "--workers or `kavc tune chief`"
            )


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
    for trial in oracle.get("start_order", ()):
        folder = folders.get(trial, out / f"trial_{trial}")
        _state(folder / "trial.json")
        if trial in oracle.get("end_order", ()):
            _state(folder / RECORD)


def _state(file: Path) -> dict[str, Any]:
    if not file.exists():
        raise DataError(f"{file}: missing; bring it back to go on, or begin in another folder")
    found = read_json(file)
    if not isinstance(found, dict):
        raise DataError(f"{file}: damaged; bring it back to go on, or begin in another folder")
    return found


def _forget_begun(out: Path) -> None:
    """Removes a sweep of which nothing is there yet, as one that was refused in its first trial."""
    if not (out / SWEEP).exists():
        return
    if any(trial.status != RUNNING for trial in Sweep(out).trials):
        raise ConfigError(f"{out}: holds a sweep already; use --resume to go on with it")
    for folder in out.glob("trial_*"):
        shutil.rmtree(folder)
    for file in sorted(out.glob("*.json"), key=lambda path: path.name == SWEEP):
        file.unlink()  # the description last: without it the rest is no sweep


def _begin(
    out: Path, settings: SweepSettings, hypermodel: SystemHyperModel, oracle: keras_tuner.Oracle
) -> None:
    """Writes what is known before the first trial, or checks that it is still so."""
    info = hypermodel.examples.info(hypermodel.base)
    described: dict[str, Any] = {
        "settings": asdict(settings),
        "versions": versions() | {"keras-tuner": keras_tuner.__version__},
        "data": {
            "source": str(hypermodel.examples.source),
            "counts": dict(info.counts),
            "fingerprint": info.fingerprint,
        },
        "objective": {"name": oracle.objective.name, "direction": oracle.objective.direction},
        "epochs": hypermodel.epochs,
        "planned": planned(oracle, hypermodel.epochs),
        "first": hypermodel.config(hypermodel.space.copy()).to_dict(),
        "space": describe(hypermodel.space),
    }
    if (out / SWEEP).exists():
        begun = Sweep(out).described
        _refuse_difference(out, begun, described)
        described["versions"] = begun["versions"]
    write_json(out / SWEEP, described)


def _refuse_difference(out: Path, begun: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses to go on where data or what varies are not those that a sweep was begun with."""
    if begun["data"]["fingerprint"] != now["data"]["fingerprint"]:
        raise DataError(
            f"{out} was begun on other data (their fingerprint differs); bring those back "
            "or use another folder"
        )
    for name in ("objective", "epochs", "first", "space"):
        if begun[name] != json.loads(json.dumps(now[name])):
            raise ConfigError(
                f"{out} was begun by a version of kavc with another {name}; go on with "
                f"kavc {begun['versions'].get('kavc', 'of then')}, or use another folder"
            )
