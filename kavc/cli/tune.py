"""`kavc tune`: sweeps over a system's options."""

from __future__ import annotations

import contextlib
import math
import shlex
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kavc.cli.output import print_json, print_report, print_table, progress, resumable
from kavc.cli.train import AsJson, Data, Splits
from kavc.errors import ConfigError

if TYPE_CHECKING:
    from kavc.data.source import Source
    from kavc.tuning.settings import SweepSettings
    from kavc.tuning.sweep import Sweep

HELP = "Vary a system's options: sweeps that survive being killed."
SUFFIXES = (".yaml", ".yml")
TIME_UP_EXIT = 3
RESUME = "kavc tune run --resume --out {out}"


def run(
    what: Annotated[
        str | None, typer.Argument(metavar="[SWEEP.yaml|SYSTEM]", help="Sweep file, or a system.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Sweep folder to write.")] = ...,  # type: ignore[assignment]
    data: Data = None,
    splits: Splits = None,
    preset: Annotated[str | None, typer.Option("--preset", help="Named configuration.")] = None,
    tuner: Annotated[
        str | None, typer.Option("--tuner", help="random, grid, bayesian or hyperband.")
    ] = None,
    trials: Annotated[int | None, typer.Option("--trials", help="At most so many.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the sweep.")] = None,
    objective: Annotated[
        str | None, typer.Option("--objective", help="NAME:min or NAME:max of what is logged.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option("--patience", help="Epochs without improvement in a trial.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="An option of all trials, unless --space varies it."
        ),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            "--space", metavar="NAME=...", help="VALUE, [A, B] or {low: A, high: B}: vary so."
        ),
    ] = None,
    max_minutes: Annotated[
        float,
        typer.Option("--max-minutes", min=0, help="End the sweep after so many from now on."),
    ] = math.inf,
    max_trial_minutes: Annotated[
        float, typer.Option("--max-trial-minutes", min=0, help="A longer trial has failed.")
    ] = math.inf,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that train trials.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="HOST:PORT", help="Head of a Ray cluster: train there."),
    ] = None,
    gpus: Annotated[
        str | None, typer.Option("--gpus", metavar="0,1,...", help="A GPU for each worker in turn.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a sweep.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a sweep, or go on with one; options here override the sweep file.

    Exits 3 if its time was up before it ended.
    """
    began = time.monotonic()
    changes = {
        "data": data,
        "splits": None if splits is None else str(splits),
        "preset": preset,
        "tuner": tuner,
        "trials": trials,
        "seed": seed,
        "objective": objective,
        "patience": patience,
        "set": _values("--set", overrides),
        "space": _values("--space", space),
    }
    _check_places(workers, cluster, gpus)
    settings = _settings(what, out, resume, changes)
    own = _own_source(out) if what is None and data is None and splits is None else None
    from kavc.tuning.checks import check_sweep

    check_sweep(settings, out, resume=resume, source=own)
    what = f"{settings.tuner} sweep of {settings.system}, preset {settings.preset}"
    progress(f"{what}, on {own or settings.data}, into {out}")
    from kavc.tuning.attempt import Limits, minutes_since

    limits = Limits(max_minutes, max_trial_minutes, began)
    how: dict[str, Any] = {"resume": resume, "source": own, "limits": limits}
    with resumable(RESUME.format(out=shlex.quote(str(out)))), _terminable():
        sweep = (
            _alone(settings, out, how)
            if workers is None
            else _beside(settings, out, how, workers, cluster, gpus)
        )
    if _print(sweep, as_json) and minutes_since(began) >= max_minutes:
        raise typer.Exit(TIME_UP_EXIT)


def _check_places(workers: int | None, cluster: str | None, gpus: str | None) -> None:
    for option, given in {"--gpus": gpus, "--cluster": cluster}.items():
        if given is not None and workers is None:
            raise ConfigError(f"{option} says where --workers are; say how many")
    if gpus is not None and cluster is not None:
        raise ConfigError("--gpus names this machine's; a cluster deals its own out")


def _alone(settings: SweepSettings, out: Path, how: dict[str, Any]) -> Sweep:
    """Trains one trial after another, in this process."""
    from kavc.tuning.run import run_sweep

    return run_sweep(settings, out, **how)


def _beside(
    settings: SweepSettings,
    out: Path,
    how: dict[str, Any],
    workers: int,
    cluster: str | None,
    gpus: str | None,
) -> Sweep:
    """Has other processes train trials side by side."""
    from kavc.tuning.shared import run_shared

    devices = gpus.split(",") if gpus else ()
    return run_shared(settings, out, workers, cluster=cluster, gpus=devices, **how)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Lets SIGTERM interrupt the block, as Ctrl-C does; and a closed terminal, unless by nohup."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    if before[signal.SIGHUP] == signal.SIG_IGN:
        del before[signal.SIGHUP]
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def space(
    system: Annotated[str, typer.Argument(help="Name of the system.")],
    preset: Annotated[str, typer.Option("--preset", help="Named configuration.")] = "paper",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change an option.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what a sweep of a system can vary, from a preset on."""
    from kavc.options import parse_overrides
    from kavc.systems.registry import get
    from kavc.tuning.space import describe, space_of

    found = get(system)
    config = found.Config.preset(preset).replace(**parse_overrides(overrides or []))
    parameters = describe(space_of(found, config))
    if as_json:
        print_json(parameters)
        return
    from kavc.evaluation.table import Column, Table

    rows = [
        (each["name"], each["kind"], _range(each), str(each["default"]), _when(each))
        for each in parameters
    ]
    columns = [Column(name) for name in ("name", "kind", "range", "default", "where")]
    print_table(Table("space", columns, rows, caption=f"{system}, preset {preset}"))


def report(
    sweep: Annotated[Path, typer.Argument(help="Sweep folder, also of a sweep that runs.")],
    as_json: AsJson = False,
) -> None:
    """Say what a sweep found; write tables, figures and TensorBoard's files into its folder."""
    from kavc.tuning.sweep import Sweep

    opened = Sweep(sweep)
    from kavc.tuning.report import TENSORBOARD, write_report

    print_report(write_report(opened), as_json=as_json)
    progress(f"report: {sweep / 'report.md'}")
    progress(f"to look into it: tensorboard --logdir {sweep / TENSORBOARD}")


def _settings(what: str | None, out: Path, resume: bool, changes: dict[str, Any]) -> SweepSettings:
    """Returns the settings of the file, the command or the sweep that goes on."""
    from dataclasses import asdict

    from kavc.tuning.settings import make_settings, read_settings
    from kavc.tuning.sweep import Sweep

    if what is not None and what.endswith(SUFFIXES):
        return read_settings(what, **changes)
    if what is None and not resume:
        raise ConfigError("give a SWEEP.yaml or a SYSTEM, or --resume to go on with a sweep")
    begun = asdict(Sweep(out).settings) if what is None else {"system": what}
    return make_settings(begun, **changes)


def _own_source(out: Path) -> Source:
    """Returns the data of a sweep that goes on, with its splits as they were."""
    from kavc.tuning.sweep import Sweep

    return Sweep(out).source


def _values(option: str, texts: list[str] | None) -> dict[str, Any] | None:
    """Reads `["k=v", ...]`; values as in a sweep file."""
    from kavc.inputs.yaml_files import parse_yaml
    from kavc.options import parse_overrides

    given = parse_overrides(texts or [])
    return {name: parse_yaml(text, f"{option} {name}") for name, text in given.items()} or None


def _print(sweep: Sweep, as_json: bool) -> int:
    """Says what a sweep came to; returns how many trials are left."""
    best, planned = sweep.best, sweep.described["planned"]["trials"]
    status = [trial.status for trial in sweep.trials]
    completed, failed = status.count("completed"), status.count("failed")
    if as_json:
        print_json(
            {
                "sweep": str(sweep.path),
                "objective": sweep.described["objective"],
                "planned": planned,
                "completed": completed,
                "failed": failed,
                "best": None
                if best is None
                else {
                    "trial": best.id,
                    "score": best.score,
                    "changed": dict(best.changed),
                    "options": dict(best.options),
                },
            }
        )
    else:
        from kavc.tuning.tables import best_table

        print_table(best_table(sweep))
    progress(f"{completed} of {planned} trials completed, {failed} failed; in {sweep.path}")
    if best is not None and best.budget < sweep.described["epochs"]:
        progress(f"no trial had all epochs: the best one had {best.budget}")
    left = max(0, planned - completed - failed)
    if left:
        progress(f"to go on: {RESUME.format(out=shlex.quote(str(sweep.path)))}")
    return left


def _range(parameter: dict[str, Any]) -> str:
    if "values" in parameter:
        return ", ".join(map(str, parameter["values"]))
    return f"{parameter['low']:g} to {parameter['high']:g}, {parameter['sampling']}"


def _when(parameter: dict[str, Any]) -> str:
    return " and ".join(
        f"{each['name']} is {' or '.join(map(str, each['values']))}" for each in parameter["when"]
    )


COMMANDS = (run, space, report)
