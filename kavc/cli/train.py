"""`kavc train` and `kavc reproduce`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kavc.cli.output import print_report, progress, resumable
from kavc.errors import ConfigError

if TYPE_CHECKING:
    from kavc.data.source import Source
    from kavc.training.run import Run

Data = Annotated[
    str | None, typer.Option("--data", help="LAYOUT:PATH, for example youtube8m:data/yt8m.")
]
Splits = Annotated[
    Path | None, typer.Option("--splits", help="JSON file: files or ids of each split.")
]
Preset = Annotated[str, typer.Option("--preset", help="Named configuration to begin with.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change an option.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def train(
    system: Annotated[str | None, typer.Argument(help="Name of the system.")] = None,
    data: Data = None,
    out: Annotated[Path, typer.Option("--out", help="Run folder to write.")] = ...,  # type: ignore[assignment]
    preset: Annotated[str | None, typer.Option("--preset", help="Named configuration.")] = None,
    overrides: Overrides = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of the run; 0 if not given.")
    ] = None,
    splits: Splits = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that stopped.")
    ] = False,
    devices: Annotated[
        int | None,
        typer.Option(
            "--devices",
            min=1,
            help="GPUs that share each batch; without a GPU logical CPUs, to try it.",
        ),
    ] = None,
    from_run: Annotated[
        Path | None,
        typer.Option("--from-run", help="Repeat this run; options here override it."),
    ] = None,
    from_sweep: Annotated[
        Path | None,
        typer.Option("--from-sweep", help="Train this sweep's best trial, and its first one."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Runs of each with --from-sweep; else 3.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a system and evaluate it, into a run folder."""
    from kavc.options import parse_overrides

    changes: dict = dict(parse_overrides(overrides or []))
    if from_sweep is not None:
        _refuse_with("--from-sweep", {"--preset": preset, "--seed": seed, "--from-run": from_run})
        options = {"data": data, "splits": splits, "overrides": changes, "devices": devices}
        _train_winner(from_sweep, system, out, seeds or 3, options, as_json)
        return
    if seeds is not None:
        raise ConfigError("--seeds goes with --from-sweep alone; see also `kavc reproduce`")
    from kavc.training.fit import train as fit
    from kavc.training.run import CONFIG

    given = Given(system, data, splits, preset, changes, seed)
    if from_run is not None:
        given = given.repeating(from_run)
    elif resume:
        given = given.resuming(out)
    if given.system is None or given.data is None:
        raise ConfigError("give a SYSTEM and --data LAYOUT:PATH, or --from-run RUN")
    with resumable(f"kavc train --resume --out {shlex.quote(str(out))}", out / CONFIG):
        run = fit(
            given.system,
            given.data,
            out,
            preset=given.preset or "paper",
            overrides=given.changes,
            seed=given.seed or 0,
            splits=given.splits,
            resume=resume,
            devices=devices,
        )
    print_report(run.report, as_json=as_json)
    progress(f"run folder: {run.path}")


@dataclass(frozen=True)
class Given:
    """What a training is told, and what it takes from a run where that is left out.

    Args:
        system, data, splits, preset, changes, seed: as of `train`; None, or empty, if left out.
    """

    system: str | None
    data: str | Source | None
    splits: Path | None
    preset: str | None
    changes: dict[str, Any]
    seed: int | None

    def repeating(self, path: Path) -> Given:
        """Returns what repeats a run: on its very data unless others are named, in its splits.

        Raises:
            DataError: the run's data are not what they were, and no others are named.
        """
        from kavc.training.data_facts import KEPT, check_files, source_of
        from kavc.training.run import Run

        run = Run(path)
        if self.data is None and self.splits is not None:
            source = run.source_for(None, self.splits)
            check_files(path, run.data, run.facts_now(source))
            return replace(self._completed(run), data=source, splits=None)
        if self.data is None:
            return replace(self._completed(run), data=run.source_for())
        if self.splits is not None or not (run.path / KEPT).is_file():
            return self._completed(run)
        moved = source_of(path, run.data | {"source": self.data})
        return replace(self._completed(run), data=moved)

    def resuming(self, out: Path) -> Given:
        """Returns what goes on with a run, if there is one: what is left out is its own.

        Data that are named without splits are meant as they bring them.
        """
        from kavc.training.run import CONFIG, Run

        if (out / CONFIG).is_file():
            return self._completed(Run(out))
        if self.system is None or self.data is None:
            raise ConfigError(
                f"{out}: no run to resume (it holds no {CONFIG}); to begin one, give a SYSTEM and "
                "--data LAYOUT:PATH"
            )
        return self

    def _completed(self, run: Run) -> Given:
        begun, data = run.settings, self.data
        if self.system not in (None, begun.system):
            raise ConfigError(
                f"{run.path} was begun with system {begun.system!r}, not {self.system!r}; leave "
                "the system out, or begin another run"
            )
        if data is None:
            data = run.source_for(None, self.splits) if self.splits else run.source
        return Given(
            self.system or begun.system,
            data,
            self.splits,
            self.preset or begun.preset,
            begun.overrides | self.changes if self.preset is None else self.changes,
            begun.seed if self.seed is None else self.seed,
        )


def _refuse_with(option: str, others: dict[str, object]) -> None:
    for name, value in others.items():
        if value is not None:
            raise ConfigError(f"{name} doesn't go with {option}, which decides it; leave it out")


def _train_winner(
    path: Path, system: str | None, out: Path, seeds: int, options: dict[str, Any], as_json: bool
) -> None:
    from kavc.tuning.sweep import Sweep
    from kavc.tuning.winner import WINNER, fresh_seeds, train_winner

    sweep = Sweep(path)
    tuned = sweep.settings.system
    if system not in (None, tuned):
        raise ConfigError(f"{path} is a sweep of {tuned!r}, not of {system!r}")
    with resumable("the same command", out):
        report = train_winner(sweep, out, seeds=seeds, **options)
    print_report(report, as_json=as_json)
    progress(f"report: {out / 'report.md'}")
    folders = [str(out / WINNER / f"seed-{n}") for n in fresh_seeds(sweep.settings.seed, seeds)]
    progress(f"run folders of the winner: {' '.join(folders)}")


def reproduce(
    system: Annotated[str, typer.Argument(help="Name of the system.")],
    data: Annotated[str, typer.Option("--data", help="LAYOUT:PATH of the data.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for all runs and the report.")],
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Runs of each row.")] = 3,
    preset: Preset = "paper",
    overrides: Overrides = None,
    splits: Splits = None,
    devices: Annotated[
        int | None,
        typer.Option(
            "--devices", min=1, help="GPUs that share each batch, as `kavc train` has it."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--row", help="Label of a row to train; repeatable. All rows if none."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train every row of the paper's table, several seeds each; goes on where it stopped."""
    from kavc.options import parse_overrides
    from kavc.training.reproduction import reproduce as run_all

    with resumable("the same command", out):
        report = run_all(
            system,
            data,
            out,
            seeds=seeds,
            preset=preset,
            overrides=parse_overrides(overrides or []),
            splits=splits,
            devices=devices,
            only=only or (),
        )
    print_report(report, as_json=as_json)
    progress(f"report: {out / 'report.md'}")


COMMANDS = (train, reproduce)
