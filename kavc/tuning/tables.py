"""Tables of a sweep: the best trials, what the best one changes, what failed, what matters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kavc.evaluation.table import Column, Table, logged_unit
from kavc.tuning.importance import Importance
from kavc.tuning.progress import changes
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import COMPLETED, FAILED, Trial

SHOWN = 5
NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")


def ranked(sweep: Sweep) -> list[Trial]:
    """Returns the trials that completed, the best first; those on more epochs before all others."""
    sign = 1 if sweep.direction == "max" else -1
    completed = [trial for trial in sweep.trials if trial.status == COMPLETED]
    return sorted(completed, key=lambda trial: (-trial.budget, -sign * (trial.score or 0)))


def best_table(sweep: Sweep) -> Table:
    """Returns the best trials, and what each changes from the first one."""
    rows = [
        (trial.number, trial.score, trial.budget, changes(trial)) for trial in ranked(sweep)[:SHOWN]
    ]
    columns = [
        Column("trial", "d"),
        Column(sweep.objective, ".4f", logged_unit(sweep.objective)),
        Column("epochs", "d"),
        Column("changes"),
    ]
    ended = f"Best of {len(sweep.trials)} trials" if rows else "No trial has completed yet"
    return Table("best", columns, rows, caption=ended)


def changes_table(first: Mapping[str, Any], changed: Mapping[str, Any], caption: str) -> Table:
    """Returns option by option what a configuration changes.

    Args:
        first: every option of the configuration that it is compared with.
        changed: the options that differ.
        caption: of the table.

    Example:
        >>> table = changes_table({"units": 32}, {"units": 64}, "What trial 3 changes")
        >>> table.to_records()
        [{'option': 'units', 'first trial': '32', 'best': '64'}]
    """
    rows = [(name, _text(first[name]), _text(value)) for name, value in changed.items()]
    return Table("changes", ["option", "first trial", "best"], rows, caption)


def failures_table(sweep: Sweep) -> Table:
    """Returns why trials failed: reasons that differ in numbers alone are one."""
    failed: dict[str, list[Trial]] = {}
    for trial in sweep.trials:
        if trial.status == FAILED:
            failed.setdefault(NUMBER.sub("#", trial.reason or ""), []).append(trial)
    rows = [
        (len(trials), trials[0].reason, ", ".join(str(trial.number) for trial in trials))
        for trials in sorted(failed.values(), key=len, reverse=True)
    ]
    caption = "Trials that failed, and the reason of the first of each kind"
    return Table("failures", [Column("count", "d"), "reason", "trials"], rows, caption)


def importance_table(importance: Importance) -> Table:
    """Returns by how much R² drops without each parameter.

    Reference:
        Breiman, 2001.
    """
    rows = zip(importance.names, importance.mean, importance.std, strict=True)
    columns = [Column("parameter"), Column("drop of R²", ".3f"), Column("sd", ".3f")]
    caption = (
        f"Importance: what a random forest loses of its R² of {importance.r2:.2f}, on trials that "
        "it has not seen, when a parameter's values are shuffled"
    )
    return Table("importance", columns, rows, caption)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
