"""What the runs of a sweep's winner and of its first trial say: a gain, or luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kavc.evaluation.headline import Headline
from kavc.evaluation.report import Report
from kavc.evaluation.spreads import Spread, spread
from kavc.evaluation.table import Column, Table, logged_unit
from kavc.training.checkpoint import Checkpoints
from kavc.training.run import Run
from kavc.tuning.sweep import Sweep
from kavc.tuning.tables import changes_table
from kavc.tuning.trial import RUNNING, Trial

WINNER, START = "winner", "start"


def report_of_runs(
    sweep: Sweep,
    best: Trial,
    runs: Mapping[str, Sequence[Run]],
    reports: Mapping[str, Sequence[Report]],
) -> Report:
    """Returns both configurations' numbers and whether the gain is told from luck.

    An objective that is a share, which Keras logs as a fraction, is in per cent here, as the test's
    numbers are.

    Args:
        sweep: whose objective is compared.
        best: its best trial.
        runs: "winner" and "start" to their runs, on the same seeds; "start" is missing where the
            winner is the first trial.
        reports: those of the runs, likewise.

    Reference:
        Student, 1908 (the interval of the gain).
    """
    share = bool(logged_unit(sweep.objective))
    factor = 100 if share else 1
    validation = {row: [factor * validation_score(sweep, run) for run in runs[row]] for row in runs}
    test = {row: [report.headline for report in reports[row]] for row in runs}
    winner = spread(validation[WINNER], limits=(0, 100) if share else (-np.inf, np.inf))
    tables = [_spread_table(sweep, validation, test), _seed_table(sweep, runs, validation, test)]
    if START in runs:
        sign = 1 if sweep.direction == "max" else -1
        gains = sign * (np.array(validation[WINNER]) - np.array(validation[START]))
        most = 100 if share else np.inf
        sentence = verdict(sweep.objective, spread(gains, limits=(-most, most)))
        caption = f"What trial {best.number} changes from the first one"
        tables.append(changes_table(sweep.described["first"], best.changed, caption))
    else:
        sentence = "The sweep's best trial is its first one: there is no gain to tell from luck."
    return Report(
        f"Winner of the sweep of {sweep.settings.system}",
        Headline(
            f"validation {sweep.objective}", winner.mean, sweep.direction,
            winner.interval, "%" if share else "",
        ),
        tables,
        notes=[sentence, *_notes(sweep)],
    )  # fmt: skip


def validation_score(sweep: Sweep, run: Run) -> float:
    """Returns the sweep's objective at the epoch that a run's last stage ended on."""
    last = sweep.system.stages(run.config)[-1]
    state = Checkpoints(run.path / "checkpoints" / last.name).final_state()
    return state.history[state.best_epoch - 1 if last.restore_best else -1][sweep.objective]


def verdict(objective: str, gain: Spread) -> str:
    """Returns in one sentence whether a gain is told from luck.

    Args:
        objective: what was measured.
        gain: of the winner over the start, seed by seed; above 0 where the winner is better. In
            percentage points where the objective is a share, else in its own unit.

    Example:
        >>> print(verdict("val_auc", spread([1.0, 1.2, 0.9])))
        Larger than the spread over seeds: the winner's gain in validation val_auc, 1.03 percentage
        points on average, has the 95 % interval 0.65 to 1.41 (Student's t, two-sided, 3 seeds, ...
        >>> verdict("val_auc", spread([1.0]))
        'One seed does not tell a gain of 1.00 percentage points in val_auc from luck.'

    Reference:
        Student, 1908.
    """
    places, unit = (2, " percentage points") if logged_unit(objective) else (4, "")
    mean, low, high = (f"{one:.{places}f}" for one in (gain.mean, gain.low, gain.high))
    if gain.count < 2:
        return f"One seed does not tell a gain of {mean}{unit} in {objective} from luck."
    if not gain.std:
        return (
            f"Not told from luck: each of {gain.count} seeds has the same gain in validation "
            f"{objective}, {mean}{unit}, and what does not spread has no interval."
        )
    measured = (
        f"the winner's gain in validation {objective}, {mean}{unit} on average, has the 95 % "
        f"interval {low} to {high} (Student's t, two-sided, {gain.count} seeds, paired by seed)"
    )
    if gain.low > 0:
        return f"Larger than the spread over seeds: {measured}."
    if gain.high < 0:
        return f"The winner is worse than what the sweep began with: {measured}."
    return f"Not told from luck: {measured}, which holds 0."


def _spread_table(
    sweep: Sweep,
    validation: Mapping[str, Sequence[float]],
    test: Mapping[str, Sequence[Headline]],
) -> Table:
    rows: list[tuple] = []
    for row, values in validation.items():
        seen, later = spread(values), spread([headline.value for headline in test[row]])
        rows.append((row, seen.count, seen.mean, seen.std, later.mean, later.std))
    if START in validation:
        difference = spread(np.subtract(validation[WINNER], validation[START]))
        rows.append(
            ("winner − start", difference.count, difference.mean, difference.std, None, None)
        )
    columns = [
        Column("configuration"),
        Column("seeds", "d"),
        *_measured(sweep, test[WINNER][0]),
    ]
    caption = "Mean and standard deviation over seeds; the difference is taken seed by seed"
    return Table("winner", columns, rows, caption)


def _seed_table(
    sweep: Sweep,
    runs: Mapping[str, Sequence[Run]],
    validation: Mapping[str, Sequence[float]],
    test: Mapping[str, Sequence[Headline]],
) -> Table:
    rows = [
        (row, run.settings.seed, value, headline.value)
        for row in runs
        for run, value, headline in zip(runs[row], validation[row], test[row], strict=True)
    ]
    columns = [
        Column("configuration"),
        Column("seed", "d"),
        *_measured(sweep, test[WINNER][0])[::2],
    ]
    return Table("seeds", columns, rows, caption="Each run")


def _measured(sweep: Sweep, headline: Headline) -> list[Column]:
    """Columns of a validation number, its standard deviation, and those of the test."""
    columns = []
    for name, deviation, unit in (
        (f"validation {sweep.objective}", "sd", "%" if logged_unit(sweep.objective) else ""),
        (f"test {headline.name}", "test sd", headline.unit),
    ):
        shown = ".2f" if unit == "%" else ".4f"
        columns += [Column(name, shown, unit), Column(deviation, shown, unit)]
    return columns


def _notes(sweep: Sweep) -> list[str]:
    ended = sum(trial.status != RUNNING for trial in sweep.trials)
    planned = sweep.described["planned"]["trials"]
    unfinished = [f"The sweep had ended {ended} of {planned} trials."] if ended < planned else []
    return [
        *unfinished,
        f"The winner was chosen on the same validation split, with seed {sweep.settings.seed}; "
        "the test split had no say.",
    ]
