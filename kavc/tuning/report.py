"""What a sweep says: report.md, report.json, tables/, figures/ and tensorboard/ in its folder."""

from __future__ import annotations

import math
from collections.abc import Iterator

from kavc.evaluation.figure import Figure
from kavc.evaluation.headline import Headline
from kavc.evaluation.made import Made, command, now
from kavc.evaluation.report import Report
from kavc.evaluation.table import Table
from kavc.files import write_text
from kavc.progress import duration
from kavc.training.made import commands_of, of_data
from kavc.tuning.figures import best_so_far, importance_bars, learning_curves
from kavc.tuning.hparams import write_hparams
from kavc.tuning.importance import Importance, importance_of
from kavc.tuning.parallel import parallel_coordinates
from kavc.tuning.progress import listed
from kavc.tuning.sweep import Sweep
from kavc.tuning.tables import (
    best_table,
    changes_table,
    failures_table,
    importance_table,
    ranked,
)
from kavc.tuning.trial import COMPLETED, FAILED, RUNNING

TENSORBOARD = "tensorboard"


def write_report(sweep: Sweep) -> Report:
    """Reports a sweep, as far as it has come, into its own folder.

    Args:
        sweep: finished, running or killed.

    Returns:
        Tables of the best trials, of what the best one changes, of failures and of importance;
        figures of parallel coordinates, importance, learning curves and the best so far. In the
        folder are also `tables/trials.csv`, which is `sweep.frame()`, and `tensorboard/`, for the
        HParams dashboard.

    Raises:
        DataError: the record of a trial is damaged.

    Example:
        report = write_report(Sweep("sweeps/ti-avc"))
        print(report.to_markdown())
    """
    report = report_of(sweep)
    write_text(sweep.path / "tables" / "trials.csv", sweep.frame().to_csv(index=False))
    write_hparams(sweep, sweep.path / TENSORBOARD)
    report.write_into(sweep.path)
    return report


def report_of(sweep: Sweep) -> Report:
    """Returns the report of a sweep, and writes nothing."""
    importance = importance_of(sweep)
    best = sweep.best
    return Report(
        f"Sweep of {sweep.settings.system}, {sweep.settings.tuner}",
        Headline(
            f"best {sweep.objective}",
            math.nan if best is None or best.score is None else best.score,
            sweep.direction,
        ),
        _tables(sweep, importance),
        _figures(sweep, importance),
        [*_counts(sweep), *_comparison(sweep), *_doubts(sweep, importance)],
        made=_made(sweep),
    )


def _made(sweep: Sweep) -> Made:
    """Returns how a sweep was made; of one of an earlier version, what reported it."""
    settings = sweep.settings
    asked = command("kavc.tuning.write_report", sweep)
    return Made(
        commands=commands_of(sweep.path) or [asked],
        date=now(),
        system=settings.system,
        presets=[settings.preset],
        changes=settings.set,
        seeds=[settings.seed],
        versions=sweep.described["versions"],
        seconds={"training": round(_spent(sweep), 1)},
        **of_data(sweep.facts),
    )


def _tables(sweep: Sweep, importance: Importance) -> list[Table]:
    best, tables = sweep.best, [best_table(sweep)]
    if best is not None and best.changed:
        caption = f"What trial {best.number}, the best one, changes"
        tables.append(changes_table(sweep.described["first"], best.changed, caption))
    if any(trial.status == FAILED for trial in sweep.trials):
        tables.append(failures_table(sweep))
    if importance.problem is None:
        tables.append(importance_table(importance))
    return tables


def _figures(sweep: Sweep, importance: Importance) -> list[Figure]:
    if sweep.best is None:
        return []
    bars = [importance_bars(sweep, importance)] if importance.problem is None else []
    return [parallel_coordinates(sweep), *bars, learning_curves(sweep), best_so_far(sweep)]


def _counts(sweep: Sweep) -> Iterator[str]:
    trials, planned = sweep.trials, sweep.described["planned"]["trials"]
    count = {
        status: sum(trial.status == status for trial in trials)
        for status in (COMPLETED, FAILED, RUNNING)
    }
    yield (
        f"{count[COMPLETED]} of {planned} trials completed, {count[FAILED]} failed, in "
        f"{duration(_spent(sweep))}."
    )
    if count[RUNNING]:
        yield f"Running, or left by a process that died: {count[RUNNING]}."
    best, epochs = sweep.best, sweep.described["epochs"]
    if best is not None and best.budget < epochs:
        yield f"No trial had all {epochs} epochs: the best one is the best of {best.budget}."


def _spent(sweep: Sweep) -> float:
    """Returns the seconds of all trials together."""
    return sum(trial.seconds.get("whole", 0.0) for trial in sweep.trials)


def _comparison(sweep: Sweep) -> Iterator[str]:
    """Yields where the first trial stands."""
    first = next((trial for trial in sweep.trials if trial.number == 1), None)
    if sweep.moved:
        yield f"The space leaves the preset out: the first trial has {listed(sweep.moved)}."
    if first is None:
        return
    if first.status != COMPLETED or sweep.best is None:
        yield f"The first trial has no score: {first.reason or 'it has not ended'}."
    elif first.number == sweep.best.number:
        yield "The first trial, the configuration that the sweep began with, is the best one."
    elif first.budget < sweep.best.budget:
        yield (
            f"The first trial, the configuration that the sweep began with, had {first.budget} "
            f"epochs and not {sweep.best.budget}: its score can't be compared with the best one's."
        )
    else:
        order = [trial.number for trial in ranked(sweep)]
        yield (
            f"The first trial, the configuration that the sweep began with, has {sweep.objective} "
            f"{first.score:.4f} and is number {order.index(1) + 1} of {len(order)}."
        )


def _doubts(sweep: Sweep, importance: Importance) -> Iterator[str]:
    if importance.problem is not None:
        yield f"Importance can't be told: {importance.problem}."
    yield (
        "All trials share one seed, and the best of many is partly the luckiest: kavc train "
        "--from-sweep trains it and the first one with fresh seeds."
    )
