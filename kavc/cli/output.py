"""What commands print: results to standard output, progress to standard error.

Names in it come from files and servers. Nothing of them acts on a terminal: what is unprintable is
escaped here, whoever prints it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table as RichTable
from rich.text import Text

from kavc import progress as told
from kavc.terminal import PlainConsole, errors, print_line
from kavc.texts import one_line, printable

if TYPE_CHECKING:
    from kavc.evaluation.report import Report
    from kavc.evaluation.table import Table

WIDE = 110  # columns where the output is no terminal, whose width nobody knows
LONGEST_LOGGED = 4000  # characters of a line of a log


results = PlainConsole(width=None if sys.stdout.isatty() else WIDE)


class LogLines(logging.Formatter):
    """Formats a record as one line; what follows of a traceback is indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return one_line(super().formatMessage(record), LONGEST_LOGGED)

    def formatException(self, ei: Any) -> str:
        lines = super().formatException(ei).splitlines()
        return "\n".join(f"  {printable(line[:LONGEST_LOGGED])}" for line in lines)


def progress(text: str) -> None:
    """Prints a line of progress, unless `--quiet` was given."""
    if (listener := told.listener()) is None:
        print_line(errors, text)
    else:
        listener.say(text)


@contextlib.contextmanager
def resumable(how: str, *there: Path) -> Iterator[None]:
    """Says how to go on where the block is interrupted, if there is something to go on with.

    Args:
        how: the command, or what stands for it.
        there: what was written then.
    """
    try:
        yield
    except KeyboardInterrupt:
        if all(path.exists() for path in there):
            progress(f"to go on: {how}")
        raise


def print_json(value: Any) -> None:
    """Prints JSON to standard output, for programs: what can be read stays, the rest is escaped."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    if not text.isascii() or "\x7f" in text:
        text = "\n".join(map(_escaped, text.split("\n")))
    print(text)


def _escaped(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in line)


def print_table(table: Table) -> None:
    """Prints one table, with its caption and where its numbers come from."""
    title = printable(table.caption or table.name)
    rich = RichTable(title=title, title_justify="left", title_style="bold", pad_edge=False)
    for column in table.columns:
        label = printable(column.label)
        rich.add_column(label, justify="right" if column.format else "left", overflow="fold")
    for row in table.shown_rows():
        rich.add_row(*(Text(printable(cell)) for cell in row))  # never markup, whatever an id is
    results.print(rich)
    if table.source:
        results.print(f"  {table.source}", style="dim", highlight=False)
    results.print()


def print_report(report: Report, *, as_json: bool) -> None:
    """Prints a report's title, headline, how it was made, tables and notes, or all as JSON."""
    if as_json:
        print_json(report.to_json())
        return
    results.print(report.title, style="bold", highlight=False, soft_wrap=True)
    results.print(str(report.headline), highlight=False, soft_wrap=True)
    for heading, text in report.made.lines(report.notes) if report.made else ():
        results.print(f"  {heading}: {text}", style="dim", highlight=False, soft_wrap=True)
    results.print()
    for table in report.tables:
        print_table(table)
    for note in report.notes:
        results.print(f"- {note}", highlight=False)
