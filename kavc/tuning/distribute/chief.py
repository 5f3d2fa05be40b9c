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
from pathlib import Path
from typing import Any

import keras_tuner

from kavc.errors import ConfigError
from kavc.files import read_json
from kavc.tuning.attempt import DIED, MOST_ATTEMPTS, OutOfTime
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
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import FAILED, RECORD, Trial
from kavc.tuning.tuner import SweepTuner

LOST_AFTER = 60.0
LOOK = 0.2  # seconds between looks at the clock
ALONE = "tuner0"  # KerasTuner's name for the process of a sweep that is not shared


@dataclasses.dataclass
class Member:
    """A worker.

    Args:
        session: which process of it; None if an earlier chief knew it.
        seen: when it last gave a sign of life.
        begun: record of the trial that it trains.
    """

    session: str | None
    seen: float
    begun: Trial | None = None


class Chief:
    """Answers the workers of a sweep.

    Args:
        tuner: of the sweep; its oracle proposes.
        sweep: its folder.
        lost_after: seconds after which a silent worker has died.
        report: told of workers.
        clock: seconds.

    Attributes:
        members: the workers by name.
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
        self.oracle: Any = tuner.oracle
        self.lost_after = lost_after
        self.report = report
        self.clock = clock
        self.described = sweep.described
        self.members: dict[str, Member] = {}
        self.over: str | None = None
        self.error: Exception | None = None
        self._over_since = math.inf
        self._lock = threading.Lock()
        self._restore()
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
                if self.over and (late or not self.members):
                    return

    def close(self) -> None:
        """Puts back what is still trained: these trials have neither ended nor failed."""
        with self._lock:
            for member in self.members.values():
                if member.begun is not None:
                    self.tuner.withdraw(member.begun)
                    self._queue_again(member)
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
        before = self.members.get(worker)
        begun = None
        if before is not None and _id(before) is not None:
            if session == before.session or (before.session is None and trial == _id(before)):
                begun = before.begun
            else:
                self.lose(worker, "was started again")
        self.members[worker] = Member(session, self.clock(), begun)
        self.report(f"{worker} joins" if begun is None else f"{worker} goes on")
        return {}

    def propose(self, worker: str, session: str) -> dict[str, Any]:
        """Gives a worker a trial, if there is one."""
        member = self._member(worker, session)
        if self.over is None and member.begun is None:
            self._begin(worker, member)
        if self.over is not None:
            return {"status": OVER} | self._ending()
        if member.begun is None:
            return {"status": IDLE}
        hp = self.oracle.trials[member.begun.id].hyperparameters
        begun = dataclasses.asdict(member.begun)
        return {"status": TRIAL, "hyperparameters": hp.get_config(), "begun": begun}

    def beat(self, worker: str, session: str, trial: str | None) -> dict[str, Any]:
        """Says whether a worker goes on with its trial."""
        member = self._member(worker, session)
        return {"keep": trial == _id(member)} | self._ending()

    def end(self, worker: str, session: str, trial: str, ending: dict[str, Any]) -> dict[str, Any]:
        """Takes the result of a trial; not of one that was given to somebody else by now."""
        member = self._member(worker, session)
        keep = self.error is None and trial == _id(member)
        if keep and member.begun is not None:
            self._settle(member, dataclasses.replace(member.begun, **check_ending(ending)))
        return {"keep": keep}

    def leave(self, worker: str, session: str, error: str | None) -> dict[str, Any]:
        """Lets a worker go; its trial has neither ended nor failed. An error ends the sweep."""
        member = self._member(worker, session)
        if member.begun is not None:
            self.tuner.withdraw(member.begun)
            self._queue_again(member)
        del self.members[worker]
        if error is not None:
            self.fail(ConfigError(" ".join(error.split())))
        return {}

    def look(self) -> None:
        """Looks at the clock: who is lost, and is there time left?"""
        for worker, member in list(self.members.items()):
            if self.clock() - member.seen >= self.lost_after:
                self.lose(worker, f"gave no sign of life for {self.lost_after:g} s")
        if self.over is None and self._complete():
            self.finish(ENDED)
        try:
            self.tuner.check_time()
        except OutOfTime:
            self.finish(TIME_UP)

    def lose(self, worker: str, why: str) -> None:
        """Takes its trial from a worker that died: queued again, or failed if two have died."""
        member = self.members.pop(worker)
        what = ""
        if member.begun is not None and self.error is None:
            number = member.begun.number
            if member.begun.attempts >= MOST_ATTEMPTS:
                what = f": trial {number} has failed"
                failed = dataclasses.replace(
                    member.begun, status=FAILED, reason=DIED, seconds={"fit": 0.0, "whole": 0.0}
                )
                self._settle(member, failed)
            else:
                what = f": trial {number} is queued again"
                self._queue_again(member)
                self.oracle.save()
        self.report(f"{worker} {why}{what}")

    def finish(self, why: str) -> None:
        """Ends the sweep; workers hear of it in the next answer."""
        if self.over is None:
            self.over, self._over_since = why, self.clock()

    def fail(self, error: Exception) -> None:
        """Ends the sweep with an error, the first one."""
        if self.over is None:
            self.error = error
            self.finish(BROKEN)

    def _begin(self, worker: str, member: Member) -> None:
        """Asks the oracle, which may have a trial, none for now, or none any more."""
        trial = self.oracle.create_trial(worker)
        status = keras_tuner.engine.trial.TrialStatus
        if trial.status == status.RUNNING:
            member.begun = self.tuner.begin(trial)
        elif trial.status == status.STOPPED and not self.oracle.ongoing_trials:
            self.finish(ENDED)  # while one is trained it may be lost, and begun anew

    def _settle(self, member: Member, record: Trial) -> None:
        trial = self.oracle.trials[record.id]
        member.begun = None
        self.tuner.settle(trial, record)
        self.tuner.on_trial_end(trial)

    def _queue_again(self, member: Member) -> None:
        trial = self.oracle.trials[_id(member)]
        ongoing = self.oracle.ongoing_trials
        for worker in [name for name, each in ongoing.items() if each is trial]:
            del ongoing[worker]
        self.oracle._retry_queue.append(trial.trial_id)
        member.begun = None

    def _complete(self) -> bool:
        """Whether all planned trials have ended, also if no worker is left to ask for more."""
        return len(self.oracle.end_order) >= self.described["planned"]["trials"]

    def _ending(self) -> dict[str, Any]:
        return {"over": self.over, "error": None if self.error is None else str(self.error)}

    def _member(self, worker: str, session: str) -> Member:
        member = self.members.get(worker)
        if member is None or member.session is None:
            raise Refusal(f"{worker} has not joined", "NOT_FOUND")
        if member.session != session:
            raise Refusal(
                f"another process has joined as {worker}; give each worker a name of its own",
                "FAILED_PRECONDITION",
            )
        member.seen = self.clock()
        return member

    def _restore(self) -> None:
        """Leaves their trials to workers of an earlier chief, who may still train them."""
        state = Path(self.oracle._get_oracle_fname())
        if not state.exists():
            return
        waiting = self.oracle._retry_queue
        for worker, trial_id in read_json(state)["ongoing_trials"].items():
            folder = self.tuner.folder_of(trial_id)
            if worker != ALONE and trial_id in waiting and (folder / RECORD).exists():
                waiting.remove(trial_id)
                self.oracle.ongoing_trials[worker] = self.oracle.trials[trial_id]
                self.members[worker] = Member(None, self.clock(), Trial.read(folder))


def _id(member: Member) -> str | None:
    return None if member.begun is None else member.begun.id
