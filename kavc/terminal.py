"""What people see of work that takes long: a bar on a terminal, elsewhere a line now and then.

All of it goes to standard error. Names come from files and servers: nothing of them acts on a
terminal, since what is unprintable is escaped here, whoever prints it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kavc import progress
from kavc.errors import ConfigError
from kavc.progress import Task, duration
from kavc.texts import printable

Verbose = Literal["auto", 0, 1, 2]

AFTER = 1.0  # seconds: of what takes less, nothing is shown
EVERY = 10.0  # seconds between lines where there is no terminal, at least
SELDOM = 600.0  # ... and at most, of work that takes hours
REDRAWN = 4  # times a second
BARS = ((100, 24), (80, 16), (0, 8))  # columns of a terminal, from which on a bar has so many


class PlainConsole(Console):
    """A console that prints text as it is: no markup, no names of emoji, and nothing that acts.

    >>> PlainConsole(width=80).print("[bold]100 %[/bold] :smile:")
    [bold]100 %[/bold] :smile:
    """

    def __init__(self, **options: Any):
        super().__init__(markup=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints as Rich does; a line end within text is escaped, too."""
        super().print(*map(_plain, objects), **options)


def _plain(printed: Any) -> Any:
    return printable(os.fspath(printed)) if isinstance(printed, str | os.PathLike) else printed


errors = PlainConsole(stderr=True)


@contextlib.contextmanager
def showing(verbose: Verbose = "auto") -> Iterator[None]:
    """Shows the work of a block on standard error.

    Args:
        verbose: as Keras has it. "auto" as around this block or, where nothing is set, 1; 0 for
            nothing; 1 for a bar on a terminal or in a notebook, elsewhere lines; 2 for lines.

    Raises:
        ConfigError: it is none of these.

    Example:
        >>> with showing(3):
        ...     pass
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: verbose must be "auto", 0, 1 or 2; got 3
    """
    if verbose not in ("auto", 0, 1, 2):
        raise ConfigError(f'verbose must be "auto", 0, 1 or 2; got {verbose!r}')
    around = progress.listener()
    kind: type[progress.Listener] = Bars if verbose != 2 and _can_draw() else Lines
    if verbose == 0:
        kind = progress.Listener
    if around is not None and (verbose == "auto" or type(around) is kind):
        yield  # one display is enough
        return
    with progress.listening(kind()):
        yield


def _can_draw() -> bool:
    if errors.is_jupyter:
        return importlib.util.find_spec("ipywidgets") is not None
    return errors.is_terminal and not errors.is_dumb_terminal


def print_line(console: Console, text: str) -> None:
    """Prints a line of progress.

    >>> print_line(PlainConsole(width=80), "reading 3 videos")
    reading 3 videos
    """
    console.print(text, style="dim", highlight=False, soft_wrap=True)


class Lines(progress.Listener):
    """Prints a line now and then, and no control characters.

    Two lines on how far work is are 10 s apart; of what takes hours, unless something is known
    anew, a tenth of the time so far, at most ten minutes.

    Args:
        console: on which they are printed.

    Example:
        >>> with progress.listening(Lines(PlainConsole(width=80))):
        ...     progress.say("reading 3 videos")
        reading 3 videos
    """

    def __init__(self, console: Console = errors):
        self._console = console
        self._last = -EVERY  # when a line was printed

    def say(self, text: str) -> None:
        print_line(self._console, text)
        self._last = time.monotonic()

    def update(self, task: Task) -> None:
        if task.rate is not None:  # else it has only begun
            self._line(task, max(EVERY, min(task.seconds / 10, SELDOM)))

    def tell(self, task: Task) -> None:
        self._line(task, EVERY)

    def end(self, task: Task) -> None:
        if task.complete and task.done and not task.note and task.seconds >= EVERY:
            self.say(f"{task.name}: {task.done:,} {task.unit} in {duration(task.seconds)}")

    def _line(self, task: Task, wait: float) -> None:
        if task.seconds >= AFTER and time.monotonic() - self._last >= wait:
            around = [each.at for each in task.within if each.at]
            told = ", ".join(filter(None, [_count(task), _rate(task), _left(task), task.note]))
            self.say(": ".join([*around, _where(task), told]))


class Bars(progress.Listener):
    """Draws a bar for each task that takes longer than a second, an inner one below an outer one.

    Args:
        console: on which they are drawn.
    """

    def __init__(self, console: Console = errors):
        self._console = console
        self._tasks: tuple[Task, ...] = ()  # replaced, never changed: a thread draws them
        self._live: Live | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        print_line(self._console, text)

    def begin(self, task: Task) -> None:
        with self._lock:
            self._tasks = (*self._tasks, task)
            if self._timer is None:
                self._timer = threading.Timer(AFTER, self._show)
                self._timer.daemon = True
                self._timer.start()

    def end(self, task: Task) -> None:
        with self._lock:
            self._tasks = tuple(each for each in self._tasks if each is not task)
            if self._tasks:
                return
            if self._timer is not None:
                self._timer.cancel()
            live, self._live, self._timer = self._live, None, None
        if live is not None:
            live.stop()

    def _show(self) -> None:
        with self._lock:
            if self._tasks and self._live is None:
                self._live = Live(
                    get_renderable=self._drawn,
                    console=self._console,
                    transient=True,
                    refresh_per_second=REDRAWN,
                    # Else what is printed for a program would go to standard error meanwhile.
                    redirect_stdout=sys.stdout.isatty(),
                )
                self._live.start()

    def _drawn(self) -> Table:
        width = self._console.width
        tasks = [task for task in self._tasks if task.seconds >= AFTER]
        names = [printable(_where(task)) for task in tasks]
        bar = next(columns for least, columns in BARS if width >= least)
        name = min(max(map(cell_len, names), default=0), (width - bar) // 2)
        rest = max(1, width - bar - name - 3)
        table = Table.grid(padding=(0, 1))
        for columns in (name, bar, rest):
            table.add_column(width=columns, no_wrap=True, overflow="ellipsis")
        for task, named in zip(tasks, names, strict=True):
            drawn = ProgressBar(task.total, task.done, width=bar, pulse=task.total is None)
            table.add_row(Text(named), drawn, Text(_told(task, rest), style="dim"))
        return table


def _told(task: Task, room: int) -> str:
    """Returns how far a task is, in so many columns: what a bar shows, too, goes first."""
    last = [_left(task) or duration(task.seconds), task.note]
    for first in ([_count(task), _rate(task)], [_rate(task)], []):
        text = printable(", ".join(filter(None, [*first, *last])))
        if cell_len(text) <= room:
            break
    return text


def _where(task: Task) -> str:
    return f"{task.name}, {task.at}" if task.at else task.name


def _count(task: Task) -> str:
    if task.total:
        return f"{task.done:,} of {task.total:,} {task.unit}"
    return f"{task.done:,} {task.unit}" if task.done else ""


def _rate(task: Task) -> str:
    if not (rate := task.rate):
        return ""
    if rate <= 0.1:
        return f"{duration(1 / rate)} each"
    if rate < 1:
        return f"{1 / rate:.2g} s each"
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s"


def _left(task: Task) -> str:
    if not (left := task.left):
        return ""
    return f"{'at most ' if task.at_most else ''}{clock(left)} left"


def clock(seconds: float) -> str:
    """Returns a duration as a clock shows it.

    >>> clock(7.4), clock(3725)
    ('0:07', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
