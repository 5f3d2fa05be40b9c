"""Slots: processes that are made ready once and then work on one job at a time.

Each is an actor of Ray, of which nothing but the core is used. Nothing is tried again here: who
dies is told, and another one is started in its place.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kavc.cluster.engines import Cluster, Local
from kavc.errors import ConfigError, KavcError

MOST_DEATHS = 4  # of a slot in a row, after which it is not started again
LONGEST_PAUSE = 60.0  # seconds before one that died often is started again


@dataclass(frozen=True)
class Ended:
    """A job is done.

    Args:
        key: as it was given to `Slots.start`.
        result: what the function returned.
        where: which slot, on which machine, in which process.
    """

    key: Hashable
    result: Any
    where: str


@dataclass(frozen=True)
class Died:
    """A process died in a job, or its machine did.

    Args:
        key, where: as of `Ended`.
        reason: in a few words.
    """

    key: Hashable
    reason: str
    where: str


class _Worker:
    """The process of a slot."""

    def __init__(self, environment: Mapping[str, str]):
        os.environ.update(environment)  # before TensorFlow is imported, by what makes it ready

    def prepare(self, ready: Callable[[], Callable[[Any], Any]]) -> str:
        try:
            self.work = ready()
        except KavcError as error:
            error.args = (f"{socket.gethostname()}: {error}",)
            raise
        return f"{socket.gethostname()}, process {os.getpid()}"

    def run(self, job: Any) -> Any:
        return self.work(job)


@dataclass
class _Slot:
    name: str
    actor: Any = None
    pending: Any = None  # of Ray: what is waited for, the preparation or a job
    key: Hashable | None = None
    ready: bool = False
    machine: str = ""
    deaths: int = 0
    again: float | None = 0.0  # when it is started; None while it runs
    gone: bool = False

    @property
    def where(self) -> str:
        return f"{self.name} on {self.machine}" if self.machine else self.name


class Slots:
    """Processes that each work on one job at a time.

    What can be told at once is told at once; processes are started by `open`.

    Args:
        count: how many.
        address: "HOST:PORT" of a cluster's head. None to start Ray on this machine.
        gpus: names of this machine's GPUs, dealt out evenly; none if empty, so that each process
            sees what this one sees. On a cluster each slot has one where there are any.
        report: told, a line each, who dies and who is started again.

    Raises:
        ConfigError: Ray is not installed, there is no token or no such GPU, or the cluster does not
            ask for a token.
        KavcError: the cluster does not answer.

    Example:
        with Slots(2).open(lambda: str.upper) as slots:
            while not slots.idle():
                slots.wait(1)
            slots.start("a", "text")
            (ended,) = slots.wait(60)
    """

    def __init__(
        self,
        count: int,
        *,
        address: str | None = None,
        gpus: Sequence[str] = (),
        report: Callable[[str], None] = lambda line: None,
    ):
        if count < 1:
            raise ConfigError(f"slots must be at least 1; got {count}")
        self._engine = Local(count, gpus) if address is None else Cluster(address)
        self._report = report
        self._slots = [_Slot(f"w{number + 1}") for number in range(count)]
        self._ray: Any = None

    @contextlib.contextmanager
    def open(self, ready: Callable[[], Callable[[Any], Any]]) -> Iterator[Slots]:
        """Starts the processes, for the time of a `with` block.

        Args:
            ready: called in each process once; returns the function from a job to its result. Both
                are pickled, by name where they have one. If it raises a `KavcError`, that says why
                this machine can't take part, and the slot is given up.
        """
        with self._engine.running() as self._ray:
            self._ready = ready
            self._share, self._environment = self._engine.shares(self._ray, len(self._slots))
            try:
                yield self
            finally:
                for slot in self._slots:
                    self._kill(slot)

    def idle(self) -> bool:
        """Whether a slot waits for a job."""
        return any(slot.ready and slot.key is None for slot in self._slots)

    def start(self, key: Hashable, job: Any) -> str:
        """Gives a job to an idle slot; returns which one.

        Args:
            key: names the job in what `wait` returns.
            job: argument of the function, pickled.
        """
        slot = next(slot for slot in self._slots if slot.ready and slot.key is None)
        slot.key, slot.pending = key, slot.actor.run.remote(job)
        return slot.where

    def drop(self, key: Hashable) -> None:
        """Ends the process that works on a job, which is not heard of again; another is started."""
        for slot in self._slots:
            if slot.key == key:
                slot.key = None
                self._kill(slot)
                slot.again = time.monotonic()

    def wait(self, seconds: float) -> list[Ended | Died]:
        """Waits until something ends, so many seconds at most; returns what has ended by then.

        Raises:
            Exception: what a job raised.
            KavcError: no slot is left; says what the last one died of.

        Example:
            for event in slots.wait(60):
                print(event.key, event.reason if isinstance(event, Died) else event.result)
        """
        self._start_again()
        pending = {slot.pending: slot for slot in self._slots if slot.pending is not None}
        if not pending:
            time.sleep(min(seconds, 0.2))
            return []
        done, _ = self._ray.wait(list(pending), num_returns=1, timeout=seconds)
        if done:  # and who else has ended by now
            done, _ = self._ray.wait(list(pending), num_returns=len(pending), timeout=0)
        return [event for each in done if (event := self._settle(pending[each])) is not None]

    def _settle(self, slot: _Slot) -> Ended | Died | None:
        """Takes note of what a slot has come to; returns what became of its job, if it had one."""
        errors = self._ray.exceptions
        reference, slot.pending = slot.pending, None
        key, slot.key = slot.key, None
        try:
            result = self._ray.get(reference)
        except errors.RayTaskError as error:
            if slot.ready:
                raise error.cause from None
            self._lose(slot, _text(error.cause), for_ever=isinstance(error.cause, KavcError))
        except errors.RayError as error:
            reason, where, had_job = _reason(error, errors), slot.where, slot.ready
            self._lose(slot, reason)
            return Died(key, reason, where) if had_job else None
        else:
            if slot.ready:
                slot.deaths = 0
                return Ended(key, result, slot.where)
            slot.ready, slot.machine = True, result
        return None

    def _lose(self, slot: _Slot, reason: str, *, for_ever: bool = False) -> None:
        slot.deaths += 1
        self._kill(slot)
        slot.gone = for_ever or slot.deaths >= MOST_DEATHS
        if slot.gone and all(each.gone for each in self._slots):
            error = ConfigError if for_ever else KavcError
            raise error(f"no process is left to work; {slot.where}: {reason}")
        pause = min(LONGEST_PAUSE, 2.0 ** (slot.deaths - 1) - 1)
        slot.again = None if slot.gone else time.monotonic() + pause
        self._report(f"{slot.where}: {reason}; it is {'not ' * slot.gone}started again")

    def _start_again(self) -> None:
        for slot in self._slots:
            if slot.again is not None and time.monotonic() >= slot.again:
                worker = self._ray.remote(max_restarts=0, max_task_retries=0)(_Worker)
                slot.again, slot.machine = None, ""
                slot.actor = worker.options(**self._share).remote(self._environment)
                slot.pending = slot.actor.prepare.remote(self._ready)

    def _kill(self, slot: _Slot) -> None:
        slot.ready, slot.pending = False, None
        if slot.actor is not None:
            self._ray.kill(slot.actor)
            slot.actor = None


def _reason(error: Exception, errors: Any) -> str:
    """Returns what a process died of, in a few words."""
    text = str(error)
    if isinstance(error, errors.OutOfMemoryError) or "OUT_OF_MEMORY" in text:
        return "out of memory: Ray ended the process before the machine had none left"
    if isinstance(error, errors.ActorUnavailableError):
        return "the process can't be reached"
    if "creation task" in text:
        return f"can't begin: {_last_line(text)}"
    return "its machine is gone" if "node has died" in text else "the process died"


def _text(error: BaseException) -> str:
    """Returns what making ready failed of, in one line."""
    line = " ".join(str(error).split())
    return line if isinstance(error, KavcError) else f"{type(error).__name__}: {line}"


def _last_line(text: str) -> str:
    return ([line.strip() for line in text.splitlines() if line.strip()] or [""])[-1]
