"""What work that takes long tells of itself, and to whom. No terminal is known here.

Work says a line (`say`) and how far it is (`task`). Who listens is set around it (`listening`):
`kavc.terminal.showing` does for people. Nobody listens unless it is set.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sized
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

OFTEN = 0.1  # seconds between two updates of a task: nobody reads faster
FINE = 1.0  # seconds within which the second of many small things follows the first
T = TypeVar("T")


class Listener:
    """Is told how work goes on. Does nothing: override what is of interest.

    >>> class Ends(Listener):
    ...     def end(self, task):
    ...         print(task.name, task.done, task.complete)
    >>> with listening(Ends()), task("reading", unit="videos") as one:
    ...     one.advance(3)
    reading 3 True
    """

    def say(self, text: str) -> None:
        """A line: what begins, what was found, what came of it."""

    def begin(self, task: Task) -> None:
        """A task begins; those that it is a part of are in `task.within`."""

    def update(self, task: Task) -> None:
        """A task has gone on; told ten times a second at most."""

    def tell(self, task: Task) -> None:
        """A task's note is new, as after each epoch."""

    def end(self, task: Task) -> None:
        """A task has ended: `task.complete`, or by an error."""


@dataclass(eq=False)
class Task:
    """Work under way; `task` makes one.

    Args:
        name: what is done.
        listener: who is told.
        unit: what is counted, in the plural, as "videos".
        total: how many there are; None where that isn't known.
        done: how many are done.
        at_most: whether it may end before all are done, as a fit that stops early.
        within: the tasks that this one is a part of, from the outermost on.

    Attributes:
        at: where it is, as "epoch 3 of 50".
        note: what is known by now, as the value that decides.
        complete: whether it has ended, and not by an error.

    Example:
        >>> with task("reading", unit="videos", total=3) as one:
        ...     one.advance()
        ...     one.at = "shard 1 of 2"
        >>> one.done, one.total, one.complete
        (1, 3, True)
    """

    name: str
    listener: Listener
    unit: str = ""
    total: int | None = None
    done: int = 0
    at_most: bool = False
    within: tuple[Task, ...] = ()
    at: str = field(default="", init=False)
    note: str = field(default="", init=False)
    complete: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        self._due, self._last = self.began + OFTEN, self.began
        self._from = self.began, self.done  # since when it is counted, and from which `done` on
        self._first: tuple[float, int] | None = None  # ... once some are done

    def advance(self, count: int = 1) -> None:
        """Says that so many more are done."""
        self.reach(self.done + count)

    def reach(self, done: int) -> None:
        """Says how many are done by now."""
        now = time.monotonic()
        if self._first is None and done > self.done:
            self._first = now, done
        self.done, self._last = done, now
        if now >= self._due:
            self._due = now + OFTEN
            self.listener.update(self)

    def tell(self, note: str) -> None:
        """Says what is known by now."""
        self.note = note
        self.listener.tell(self)

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    @property
    def rate(self) -> float | None:
        """How many are done a second; None where that isn't known yet."""
        if self._first is None:
            return None
        since, first = self._first  # those before wait for what is made once, as graphs
        if self.done == first and time.monotonic() - since >= FINE:
            since, first = self._from
        return (self.done - first) / (self._last - since) if self.done > first else None

    @property
    def left(self) -> float | None:
        """Seconds that are left at this rate; None where that isn't known yet."""
        rate = self.rate
        if rate is None or self.total is None:
            return None
        return max(0, self.total - self.done) / rate


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_tasks: ContextVar[tuple[Task, ...]] = ContextVar("tasks", default=())


def listener() -> Listener | None:
    """Returns who listens here; None where nobody was set."""
    return _listener.get()


@contextlib.contextmanager
def listening(one: Listener) -> Iterator[None]:
    """Has one listener be told of the work of a block, in place of the one around it.

    >>> class Lines(Listener):
    ...     def say(self, text):
    ...         print(text)
    >>> with listening(Lines()):
    ...     say("reading")
    reading
    """
    heard, tasks = _listener.set(one), _tasks.set(())
    try:
        yield
    finally:
        _listener.reset(heard)
        _tasks.reset(tasks)


def say(text: str) -> None:
    """Tells a line."""
    if (one := _listener.get()) is not None:
        one.say(text)


def announce(text: str) -> None:
    """Tells a line, unless it is about a part of work that is under way, as a run of a sweep.

    >>> class Said(Listener):
    ...     def say(self, text):
    ...         print(text)
    >>> with listening(Said()):
    ...     announce("a run")
    ...     with task("sweep"):
    ...         announce("a run of a sweep")
    a run
    """
    if not _tasks.get():
        say(text)


@contextlib.contextmanager
def task(
    name: str, *, unit: str = "", total: int | None = None, done: int = 0, at_most: bool = False
) -> Iterator[Task]:
    """Tells of the work of a block. Args are those of `Task`.

    >>> with task("sweep") as outer, task("trial") as inner:
    ...     [each.name for each in inner.within]
    ['sweep']
    """
    around = _tasks.get()
    one = Task(name, _listener.get() or _NOBODY, unit, total, done, at_most, around)
    token = _tasks.set((*around, one))
    one.listener.begin(one)
    try:
        yield one
        one.complete = True
    finally:
        _tasks.reset(token)
        one.listener.end(one)


@contextlib.contextmanager
def counting(name: str, unit: str, total: int | None = None) -> Iterator[Task]:
    """Yields the innermost task under way if it counts this unit, else a new one.

    So what reads videos counts them for whoever said what for, and how many there are.

    Args:
        name, unit: as of `Task`, for a new one.
        total: how many there are, unless the task knows already.

    Example:
        >>> with task("embedding", unit="videos", total=2) as outer:
        ...     with counting("reading", "videos") as one, counting("decoding", "frames") as other:
        ...         one is outer, other.name
        (True, 'decoding')
    """
    if (tasks := _tasks.get()) and tasks[-1].unit == unit:
        if tasks[-1].total is None:
            tasks[-1].total = total
        yield tasks[-1]
        return
    with task(name, unit=unit, total=total) as one:
        yield one


def track(items: Iterable[T], name: str, *, unit: str, total: int | None = None) -> Iterator[T]:
    """Yields items, and tells how many are done.

    Args:
        items: any.
        name, unit: as of `Task`.
        total: how many there are; their length, if None and they have one.

    Example:
        >>> class Counted(Listener):
        ...     def end(self, task):
        ...         print(task.done, "of", task.total, task.unit)
        >>> with listening(Counted()):
        ...     names = [name.upper() for name in track(["a", "b"], "reading", unit="videos")]
        2 of 2 videos
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with task(name, unit=unit, total=total) as one:
        for item in items:
            yield item
            one.advance()


def duration(seconds: float) -> str:
    """Returns a duration in words, as people see it in progress and in reports.

    >>> duration(0.3), duration(59.7), duration(3599), duration(7260)
    ('0.3 s', '1 min 0 s', '59 min 59 s', '2 h 1 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


_NOBODY = Listener()
