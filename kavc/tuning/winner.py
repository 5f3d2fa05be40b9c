"""The best configuration of a sweep against the one it began with, trained in full, on fresh seeds.

`OUT/winner/seed-S` and `OUT/start/seed-S` are run folders as `kavc train` leaves them; the report
over them lies in `OUT` itself.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kavc import progress
from kavc.data.source import Source
from kavc.errors import ConfigError
from kavc.evaluation.made import command
from kavc.evaluation.report import Report
from kavc.folders import check_own, claim
from kavc.terminal import Verbose, showing
from kavc.training.data_facts import check_alike, check_files, check_same, facts_of
from kavc.training.fit import train
from kavc.training.made import made_of
from kavc.training.reproduction import tracked_runs
from kavc.training.run import Run
from kavc.tuning.contest import START, WINNER, report_of_runs
from kavc.tuning.settings import LARGEST_SEED
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import Trial

if TYPE_CHECKING:
    from kavc.training.stages import AfterEpoch


def train_winner(
    sweep: Sweep,
    out: str | os.PathLike,
    *,
    seeds: int = 3,
    data: str | Source | None = None,
    splits: str | os.PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    devices: int | None = None,
    after_epoch: AfterEpoch | None = None,
    verbose: Verbose = "auto",
) -> Report:
    """Trains a sweep's winner and its first trial's configuration, and tells a gain from luck.

    Both are trained with the same seeds, none of them the sweep's, on all epochs and with the
    system's own early stopping. Called again, it takes finished runs as they are and goes on with
    the one that was stopped.

    Args:
        sweep: whose best trial it is.
        out: folder of all runs and of the report.
        seeds: runs of each.
        data, splits: other data than the sweep's, or its data in other splits.
        overrides: options that differ in both, by name.
        devices, after_epoch, verbose: as `kavc.training.fit.train`.

    Returns:
        The report, also written to `out`: the sweep's objective on validation and the headline on
        test, with their spread over seeds; the difference on validation, paired by seed.

    Raises:
        ConfigError: no trial has completed, `out` is a run or a sweep, or an override tells winner
            and start apart.
        DataError: as `kavc.training.fit.train`; or the sweep's data are not what they were, and no
            others are named.

    Example:
        report = train_winner(Sweep("sweeps/ti-avc"), "runs/winner", seeds=5)
        run = kavc.load_run("runs/winner/winner/seed-1")
    """
    out, best = Path(out), _best(sweep)
    overrides = dict(overrides or {})
    _check(out, best, overrides)
    source = _source(sweep, data, splits)
    rows = {WINNER: best.options, START: sweep.described["first"]}
    if not best.changed:
        del rows[START]
    runs: dict[str, list[Run]] = {row: [] for row in rows}
    every: list[Run] = []
    reports: dict[str, list[Report]] = {row: [] for row in rows}
    ended: list[Report] = []
    pairs = list(itertools.product(fresh_seeds(sweep.settings.seed, seeds), rows))
    with showing(verbose):
        progress.announce(f"winner of {sweep.path}, {seeds} seeds, on {source}, into {out}")
        for number in tracked_runs([(row, seed) for seed, row in pairs], ended):
            seed, row = pairs[number]
            run = train(
                sweep.settings.system,
                source,
                out / row / f"seed-{seed}",
                preset=sweep.settings.preset,
                overrides=overrides_of(sweep, rows[row]) | overrides,
                seed=seed,
                resume=True,
                devices=devices,
                after_epoch=after_epoch,
            )
            claim(out, "winner", (WINNER, START))
            runs[row].append(run)
            every.append(run)
            ended.append(run.report)
            reports[row].append(ended[-1])
    check_alike({run.path: run.data for run in every})
    called = command(
        "kavc.tuning.train_winner", sweep, str(out), seeds=seeds, data=data,
        splits=splits, overrides=overrides, devices=devices,
    )  # fmt: skip
    report = report_of_runs(sweep, best, runs, reports)
    made = made_of(every, every[0].data, command=called)
    report = dataclasses.replace(report, made=made)
    report.write_into(out)
    return report


def fresh_seeds(taken: int, count: int) -> list[int]:
    """Returns seeds that differ from the one that is taken.

    >>> fresh_seeds(0, 3)
    [1, 2, 3]
    """
    return [(taken + step) % (LARGEST_SEED + 1) for step in range(1, count + 1)]


def overrides_of(sweep: Sweep, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns by which options a configuration of a sweep differs from its preset.

    What the data fix is not among them: other data may fix it otherwise.

    Args:
        sweep: whose preset it is.
        options: every option, as of a trial.
    """
    preset = sweep.system.Config.preset(sweep.settings.preset).to_dict()
    decided = {*sweep.settings.set, *(each["name"] for each in sweep.described["space"])}
    return {
        name: value for name, value in options.items() if name in decided and value != preset[name]
    }


def _best(sweep: Sweep) -> Trial:
    best = sweep.best
    if best is None:
        raise ConfigError(
            f"{sweep.path}: no trial has completed; go on with it by `kavc tune run --resume --out "
            f"{sweep.path}`"
        )
    return best


def _check(out: Path, best: Trial, overrides: Mapping[str, Any]) -> None:
    """Refuses folders that are something else, and overrides that would take the contest away."""
    check_own(out, "winner", (WINNER, START))
    clash = sorted(set(best.changed) & set(overrides))
    if clash:
        raise ConfigError(f"option {clash[0]!r} tells winner and start apart; leave it out")


def _source(sweep: Sweep, data: str | Source | None, splits: str | os.PathLike | None) -> Source:
    """Returns other data, if they are named, or the sweep's own, if they are what they were."""
    if isinstance(data, Source):
        return data.settled()
    if data is not None:
        return Source.parse(data, splits).settled()
    base = sweep.system.Config().replace(**sweep.described["first"])
    if splits is not None:
        source = Source.parse(sweep.facts["source"], splits).settled()
        now = facts_of(source, sweep.system.describe(source, base))
        check_files(sweep.path, sweep.facts, now)
        return source
    source = sweep.source.settled()
    check_same(
        sweep.path, sweep.facts, facts_of(source, sweep.system.describe(source, base)), "begun"
    )
    return source
