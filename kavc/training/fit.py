"""Training: the stages of a system, one after another, into a run folder."""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kavc import progress
from kavc.data.source import Source
from kavc.errors import ConfigError, KavcError
from kavc.evaluation.made import command
from kavc.files import sweep_partials, write_text
from kavc.folders import check_own, claim
from kavc.systems.base import System
from kavc.terminal import Verbose, showing
from kavc.training import asked
from kavc.training.examples import Examples
from kavc.training.made import KeptCall, made_of
from kavc.training.resolve import resolve
from kavc.training.run import (
    CONFIG,
    MODEL,
    NO_REPORT,
    Run,
    RunConfig,
    begin,
    check_resumable,
    checkpoints_of,
    lock,
)

if TYPE_CHECKING:
    from kavc.evaluation.figure import Figure
    from kavc.training.stages import AfterEpoch


def train(
    system: str | System,
    data: str | Source,
    out: str | os.PathLike,
    *,
    preset: str = "paper",
    overrides: Mapping[str, Any] | None = None,
    seed: int = 0,
    splits: str | os.PathLike | None = None,
    resume: bool = False,
    devices: int | None = None,
    after_epoch: AfterEpoch | None = None,
    verbose: Verbose = "auto",
) -> Run:
    """Trains a system and evaluates it; leaves everything in a run folder.

    A run that was killed, at any moment, and is called again with `resume=True` ends with the same
    weights, bit for bit on a CPU with the same versions and thread settings.

    Args:
        system: its name, or the system itself.
        data: source, as "youtube8m:PATH".
        out: the run folder; must be new, unless `resume`.
        preset: named config to begin with.
        overrides: options that differ, by name; text is converted.
        seed: of weights, pairs, order and dropout.
        splits: optional splits file, when `data` is text.
        resume: go on where an earlier run in `out` was stopped; a new one begins if there is none.
        devices: how many of this machine's GPUs share each batch; None or 1 for one device. The
            batches are the same whatever it is, but for a last one that it does not divide
            (`kavc.training.devices`). A run may be resumed on another number of devices.
        after_epoch: called after each epoch.
        verbose: how progress is shown, on standard error: "auto" or 1 for a bar on a terminal and
            lines elsewhere, 2 for lines, 0 for nothing (`kavc.terminal.showing`).

    Returns:
        The finished run.

    Raises:
        ConfigError: an option doesn't fit, `out` is in use or holds another run, or there are
            fewer devices.
        DataError: the data are missing, damaged or of another shape; a split that training or
            the evaluation needs isn't there or can't be used; or, to resume, they are not those
            that the run began with, in their files, classes or splits.
        KavcError: the network is trained and its report can't be made.

    Example:
        run = kavc.train("ti-avc", "synthetic:corpus", "runs/ti-avc", overrides={"batch_size": 64})
    """
    began = time.monotonic()
    if not 0 <= seed < 2**31:
        raise ConfigError(f"seed must lie in 0 to {2**31 - 1}; got {seed}")
    system, source, config = resolve(
        system, data, splits=splits, preset=preset, overrides=overrides
    )
    called = command(
        "kavc.train", system.name, str(data), str(out), preset=preset, overrides=overrides,
        seed=seed, splits=splits, resume=resume, devices=devices,
    )  # fmt: skip
    out = Path(out)
    _check_folder(out, resume)
    settings = RunConfig(system.name, preset, dict(overrides or {}), seed, config.to_dict())
    with showing(verbose):
        progress.announce(f"{system.name}, preset {preset}, seed {seed}, on {source}, into {out}")
        keep = functools.partial(KeptCall, out, called, began=began)
        return _train(system, source, config, settings, out, devices, keep, after_epoch)


def _train(
    system: System,
    source: Source,
    config: Any,
    settings: RunConfig,
    out: Path,
    devices: int | None,
    keep: Callable[..., KeptCall],
    after_epoch: AfterEpoch | None,
) -> Run:
    """Trains what was asked for, in a folder that may be taken."""
    # What needs no TensorFlow was asked for by now: a mistake does not wait for it.
    with progress.task("loading TensorFlow"):
        from kavc.training.devices import described, strategy_for
        from kavc.training.stages import fit_stages
        from kavc.training.weights import save_network

        strategy = strategy_for(devices)  # before anything else makes TensorFlow choose its devices
    examples = Examples(system, source)
    info = examples.info(config)
    config = system.adapt(config, info)
    if not (out / CONFIG).exists():
        system.check(info, config)
    with lock(out):
        claim(out, "run")
        settings = dataclasses.replace(settings, options=config.to_dict())
        sweep_partials(out)
        if (out / CONFIG).exists():
            check_resumable(out, settings, examples.source, info)
            system.check(info, config)  # one of an earlier version was not
        else:
            begin(out, settings, examples.source, info)
        run = Run(out)
        if run.finished and not (run.uncalibrated or run.unreported):
            return run
        call = keep(devices=described(strategy))
        if not run.finished:
            after = call.at_epochs(after_epoch)
            network = fit_stages(examples, config, out, settings.seed, strategy, after)
            save_network(network, out / MODEL)
            call.trained()
        if run.uncalibrated or run.unreported:
            _write_report(run, examples.source)
            asked.keep(run)
    return run


def _check_folder(out: Path, resume: bool) -> None:
    """Refuses a folder before anything is read that may take long."""
    check_own(out, "run")
    if (out / CONFIG).exists() and not resume:
        raise ConfigError(f"{out}: holds a run already; use --resume to go on with it")


def _write_report(run: Run, source: Source) -> None:
    """Evaluates a trained network; if that fails, the run says why and is none the worse."""
    out, problem = run.path, run.path / NO_REPORT
    write_text(problem, "the evaluation was not finished.\n")  # else a kill would leave an old one
    began = time.monotonic()
    try:
        run.calibrate(source)
        with progress.task("evaluating"):
            report = run.system.evaluate(run.network, source, run.config)
        told = next((table.source for table in report.tables if table.source), "")
        figures = [*report.figures, _training_curves(run.system, run.config, out, told)]
        made = made_of([run], run.data, evaluation=time.monotonic() - began)
        dataclasses.replace(report, figures=figures, made=made).write_into(out)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        write_text(problem, f"{reason}\n")
        raise KavcError(
            f"{out}: trained, but its report can't be made ({reason}); `kavc export` takes the run "
            "as it is, `kavc train --resume` tries again"
        ) from error
    problem.unlink(missing_ok=True)


def _training_curves(system: System, config: Any, out: Path, source: str) -> Figure:
    from kavc.evaluation.training_charts import StageCurves, curves
    from kavc.training.checkpoint import Checkpoints

    stages = {}
    for stage in system.stages(config):
        state = Checkpoints(checkpoints_of(out, stage)).final_state()
        stages[stage.name] = StageCurves(
            {key: [logs[key] for logs in state.history] for key in state.history[0]},
            deciding=stage.monitor,
            direction=stage.direction,
            best=state.best_epoch,
            kept=state.best_epoch if stage.restore_best else state.epoch,
        )
    caption = "Training curves of each stage."
    return curves("training", stages, caption=caption, source=source)
