"""What commands print: results to standard output, progress to standard error."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from kavc.evaluation.report import Report
    from kavc.evaluation.table import Table
    from kavc.systems.base import Stage
    from kavc.training.checkpoint import FitState

WIDE = 110  # columns where the output is no terminal, whose width nobody knows

# Without markup: what is printed has names of the user's in it, whatever these look like.
results = Console(width=None if sys.stdout.isatty() else WIDE, markup=False)
errors = Console(stderr=True, markup=False)


def progress(text: str) -> None:
    """Prints a line of progress."""
    errors.print(text, style="dim", markup=False, highlight=False, soft_wrap=True)


def epoch_line(stage: Stage, state: FitState) -> None:
    """Prints where a fit stands after an epoch."""
    logs = state.history[-1]
    names = dict.fromkeys(["loss", "val_loss", "val_accuracy", *(stage.headline or ())[:1]])
    parts = [f"{name} {logs[name]:.4f}" for name in names if name in logs]
    best = f"best {stage.monitor} {state.best:.4f} at epoch {state.best_epoch}"
    progress(f"  {stage.name:<15} epoch {state.epoch:>3}  {'  '.join(parts)}  ({best})")


def print_json(value: Any) -> None:
    """Prints JSON to standard output, for programs."""
    print(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False))


def print_table(table: Table) -> None:
    """Prints one table, with its caption and where its numbers come from."""
    rich = RichTable(
        title=table.caption or table.name, title_justify="left", title_style="bold", pad_edge=False
    )
    for column in table.columns:
        rich.add_column(column.label, justify="right" if column.format else "left", overflow="fold")
    for row in table.shown_rows():
        rich.add_row(*map(Text, row))  # never markup, whatever an id looks like
    results.print(rich)
    if table.source:
        results.print(f"  {table.source}", style="dim", markup=False, highlight=False)
    results.print()


def print_report(report: Report, *, as_json: bool) -> None:
    """Prints a report's title, tables and notes, or all of it as JSON."""
    if as_json:
        print_json(report.to_json())
        return
    results.print(report.title, style="bold", markup=False, highlight=False, soft_wrap=True)
    results.print()
    for table in report.tables:
        print_table(table)
    for note in report.notes:
        results.print(f"- {note}", markup=False, highlight=False)
