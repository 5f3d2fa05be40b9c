"""The chief of a shared sweep: has the folder and the oracle, and trains nothing.

KerasTuner's chief waits for ever for a worker that died, and its oracle stays locked when it
raises. Here a worker is known by its signs of life, every call is under the chief's own lock, and
an oracle that has raised is never asked again: its exception ends the sweep.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from kavc.errors import ConfigError
from kavc.tuning.attempt import OutOfTime
from kavc.tuning.distribute.identity import difference, identity_of
from kavc.tuning.distribute.messages import (
    BROKEN,
    ENDED,
    GRACE,
    IDLE,
    OVER,
    TIME_UP,
    TRIAL,
    Refusal,
    check_ending,
)
from kavc.tuning.distribute.queue import TrialQueue
from kavc.tuning.distribute.roster import Roster
from kavc.tuning.sweep import Sweep
from kavc.tuning.tuner import SweepTuner

LOST_AFTER = 60.0
LOOK = 0.2  # seconds between looks at the clock


class Chief:
    """Answers the workers of a sweep.

    Args:
        tuner: of the sweep; its oracle proposes.
        sweep: its folder.
        lost_after: seconds after which a silent worker has died.
        report: told of workers.
        clock: seconds.

    Attributes:
        roster: the workers.
        over: None, or why the sweep is over.
        error: what it failed of.
    """

    def __init__(
        self,
        tuner: SweepTuner,
        sweep: Sweep,
        *,
        lost_after: float = LOST_AFTER,
        report: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.tuner = tuner
        self.queue = TrialQueue(tuner)
        self.roster = Roster(
            self.queue,
            lost_after=lost_after,
            trial_minutes=tuner.limits.trial_minutes,
            report=report,
            clock=clock,
        )
        self.clock = clock
        self.described = sweep.described
        self.over: str | None = None
        self.error: Exception | None = None
        self._over_since = math.inf
        self._lock = threading.Lock()
        tuner.save()

    def answer(self, method: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answers one request (`kavc.tuning.distribute.messages`), one at a time.

        Raises:
            Refusal: it is not granted.
        """
        with self._lock:
            try:
                return getattr(self, method)(**request)  # one of messages.ASKED
            except Refusal:
                raise
            except Exception as error:
                self.fail(error)
                raise

    def wait(self) -> None:
        """Returns when the sweep is over and the workers are gone, or 60 s after it is over."""
        while True:
            time.sleep(LOOK)
            with self._lock:
                try:
                    self.look()
                except Exception as error:  # of the oracle, or one failure too many
                    self.fail(error)
                late = self.clock() - self._over_since >= GRACE
                if self.over and (late or not self.roster.members):
                    return

    def close(self) -> None:
        """Puts back what is still trained: these trials have neither ended nor failed."""
        with self._lock:
            for member in self.roster.members.values():
                self.roster.withdraw(member)
            if self.error is None:
                self.tuner.save()

    def describe(self) -> dict[str, Any]:
        """Says what the sweep is, for workers to make the same of it."""
        minutes = self.tuner.limits.trial_minutes
        return {
            "sweep": self.described,
            "identity": identity_of(self.described),
            "trial_minutes": minutes if math.isfinite(minutes) else None,
        }

    def join(
        self,
        worker: str,
        session: str,
        identity: str,
        versions: dict[str, Any],
        fingerprint: str,
        trial: str | None,
    ) -> dict[str, Any]:
        """Takes a worker in that makes of the sweep what the chief makes of it."""
        wrong = difference(self.described, identity, versions, fingerprint)
        if wrong is not None:
            raise Refusal(f"the chief refuses this worker: {wrong}", "FAILED_PRECONDITION")
        if self.error is not None:
            raise Refusal(f"the sweep has failed: {self.error}", "FAILED_PRECONDITION")
        self.roster.join(worker, session, trial)
        return {}

    def propose(self, worker: str, session: str) -> dict[str, Any]:
        """Gives a worker a trial, if there is one."""
        member = self.roster.find(worker, session)
        if self.over is None and member.begun is None:
            self.roster.begin(worker)
            if self.queue.is_exhausted:
                self.finish(ENDED)
        if self.over is not None:
            return {"status": OVER} | self._ending()
        if member.begun is None:
            return {"status": IDLE}
        hp = self.tuner.oracle.trials[member.begun.id].hyperparameters
        begun = dataclasses.asdict(member.begun)
        return {"status": TRIAL, "hyperparameters": hp.get_config(), "begun": begun}

    def beat(self, worker: str, session: str, trial: str | None) -> dict[str, Any]:
        """Says whether a worker goes on with its trial."""
        member = self.roster.find(worker, session)
        return {"keep": trial == member.trial} | self._ending()

    def end(self, worker: str, session: str, trial: str, ending: dict[str, Any]) -> dict[str, Any]:
        """Takes the result of a trial; not of one that was given to somebody else by now."""
        member = self.roster.find(worker, session)
        begun = member.begun
        if self.error is not None or begun is None or trial != begun.id:
            return {"keep": trial == member.ended}  # said again if the answer was not heard
        record = dataclasses.replace(begun, **check_ending(ending))
        self.roster.end(worker, begun, record)
        return {"keep": True}

    def leave(self, worker: str, session: str, error: str | None) -> dict[str, Any]:
        """Lets a worker go; its trial has neither ended nor failed. An error ends the sweep."""
        self.roster.withdraw(self.roster.find(worker, session))
        del self.roster.members[worker]
        if error is not None:
            self.fail(ConfigError(" ".join(error.split())))
        return {}

    def look(self) -> None:
        """Looks at the clock: who is gone, and is there time left?"""
        if self.error is None:
            self.roster.look()
        if self.over is None and self._complete():
            self.finish(ENDED)
        try:
            self.tuner.check_time()
        except OutOfTime:
            self.finish(TIME_UP)

    def finish(self, why: str) -> None:
        """Ends the sweep; workers hear of it in the next answer."""
        if self.over is None:
            self.over, self._over_since = why, self.clock()

    def fail(self, error: Exception) -> None:
        """Ends the sweep with an error, the first one; also a sweep whose time is up."""
        if self.error is None:
            self.error = error
        self.finish(BROKEN)
        self.over = BROKEN

    def _complete(self) -> bool:
        """Whether all planned trials have ended, also if no worker is left to ask for more."""
        return len(self.tuner.oracle.end_order) >= self.described["planned"]["trials"]

    def _ending(self) -> dict[str, Any]:
        return {"over": self.over, "error": None if self.error is None else str(self.error)}
