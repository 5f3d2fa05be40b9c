"""The workers of a shared sweep, and which trial each of them has."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from kavc.tuning.attempt import DIED, MOST_ATTEMPTS
from kavc.tuning.distribute.doubt import Doubt
from kavc.tuning.distribute.member import Member
from kavc.tuning.distribute.messages import GRACE, Refusal
from kavc.tuning.distribute.queue import TrialQueue
from kavc.tuning.trial import FAILED, Trial

# A worker itself ends a trial that takes longer than it may, once the epoch has ended; after so
# many times what it may, it hangs.
LENIENCY = 2


class Roster:
    """Knows the workers, gives them trials, and takes the trials of those who are gone.

    Args:
        queue: of trials.
        lost_after: seconds after which a silent worker has died.
        trial_minutes: how long a trial may take.
        report: told who comes and who goes.
        clock: seconds.

    Attributes:
        members: the workers by name; those of an earlier chief, who may still train, too.
    """

    def __init__(
        self,
        queue: TrialQueue,
        *,
        lost_after: float,
        trial_minutes: float,
        report: Callable[[str], None],
        clock: Callable[[], float],
    ):
        self.queue = queue
        self.lost_after = lost_after
        self.trial_minutes = trial_minutes
        self.longest = LENIENCY * 60 * trial_minutes + GRACE
        self.report = report
        self.clock = clock
        self.members = {
            worker: Member(None, clock(), begun, clock())
            for worker, begun in queue.left_behind().items()
        }
        self.doubt = Doubt(self.members, queue, report)

    def find(self, worker: str, session: str) -> Member:
        """Returns a worker, which gives a sign of life.

        Raises:
            Refusal: this process has not joined, or may not.
        """
        self.doubt.check(worker, session)
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

    def join(self, worker: str, session: str, trial: str | None) -> None:
        """Takes a worker in, with the trial that it still trains if nobody else has that."""
        before, now = self.members.get(worker), self.clock()
        if before is not None and before.begun is not None:
            if before.session == session or (before.session is None and trial == before.trial):
                before.session, before.seen = session, now
                self.report(f"{worker} goes on")
                return
            self.lose(worker, "was started again")
        begun = self.queue.take_up(worker, trial)
        self.members[worker] = Member(session, now, begun, now)
        self.report(f"{worker} joins" if begun is None else f"{worker} goes on")

    def begin(self, worker: str) -> None:
        """Gives a worker a trial, if there is one for it now."""
        member, asked = self.members[worker], self.clock()
        if self.doubt.holds(member):
            return
        member.begun = self.queue.begin(worker)
        deaf = self.clock() - asked  # a Gaussian process takes a while; nobody was silent
        for each in self.members.values():
            each.seen += deaf
            each.since += deaf
        member.since = self.clock()

    def end(self, worker: str, begun: Trial, record: Trial) -> None:
        """Takes the record of a trial that a worker has ended."""
        member = self.members[worker]
        member.begun, member.ended = None, begun.id
        if not self.doubt.asks_another(worker, begun, record):
            self._settle(record, worker)

    def withdraw(self, member: Member) -> None:
        """Takes a worker's trial back, which has neither ended nor failed."""
        if member.begun is not None:
            self.queue.tuner.withdraw(member.begun)
            self.queue.put_back(member.begun)
            member.begun = None

    def look(self) -> None:
        """Looks at the clock: who is lost, and who takes too long?"""
        for worker, member in list(self.members.items()):
            now = self.clock()
            if now - member.seen >= self.lost_after:
                self.lose(worker, f"gave no sign of life for {self.lost_after:g} s")
            elif member.begun and now - member.since >= self.longest:
                self._stop(worker, member.begun, (now - member.since) / 60)

    def lose(self, worker: str, why: str) -> None:
        """Takes its trial from a worker that died: queued again, or failed if two have died."""
        begun = self.members.pop(worker).begun
        if begun is None:
            self.report(f"{worker} {why}")
        elif begun.attempts >= MOST_ATTEMPTS:
            self.report(f"{worker} {why}: trial {begun.number} has failed")
            self._settle(_failed(begun, DIED, minutes=0))
        else:
            self.report(f"{worker} {why}: trial {begun.number} is queued again")
            self.queue.put_back(begun)
            self.queue.oracle.save()

    def _stop(self, worker: str, begun: Trial, minutes: float) -> None:
        """Ends the trial of a worker that should have ended it, and so hangs."""
        del self.members[worker]
        self.report(f"{worker} hangs: trial {begun.number} has failed")
        reason = f"over time: still runs after {minutes:.1f} minutes"
        reason += f"; {self.trial_minutes:g} are allowed"
        self._settle(_failed(begun, reason, minutes))

    def _settle(self, record: Trial, worker: str | None = None) -> None:
        self.doubt.hear(record, worker)
        self.queue.settle(record)


def _failed(begun: Trial, reason: str, minutes: float) -> Trial:
    seconds = {"fit": 0.0, "whole": 60 * minutes}
    return dataclasses.replace(begun, status=FAILED, reason=reason, seconds=seconds)
