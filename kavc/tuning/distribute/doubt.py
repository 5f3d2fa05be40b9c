"""Whether a trial that fails is to blame, or the worker that trains it.

A trial is a function of what was proposed, so another worker tells: the third trial in a row that
one worker alone has tried, and failed, is tried by another one, while the first one waits. If it
fails there, too, the trials are to blame. If it succeeds, the worker is refused, and what it failed
is queued again. Nobody is doubted while there is nobody else to ask.
"""

from __future__ import annotations

from collections.abc import Callable

from kavc.tuning.attempt import MOST_ATTEMPTS
from kavc.tuning.distribute.member import Member
from kavc.tuning.distribute.messages import Refusal
from kavc.tuning.distribute.queue import TrialQueue
from kavc.tuning.trial import COMPLETED, Trial

MOST_FAILURES = 3  # of a worker in a row, before another one is asked


class Doubt:
    """Watches which workers fail.

    Args:
        members: the workers by name; who is refused is taken out.
        queue: of trials.
        report: told who is doubted, and who is refused.
    """

    def __init__(
        self, members: dict[str, Member], queue: TrialQueue, report: Callable[[str], None]
    ):
        self.members = members
        self.queue = queue
        self.report = report
        self._refused: dict[tuple[str, str | None], str] = {}

    def check(self, worker: str, session: str) -> None:
        """Raises `Refusal` if this process of a worker is refused."""
        line = self._refused.get((worker, session))
        if line is not None:
            raise Refusal(
                f"the chief refuses this worker: {line}; look at its device", "FAILED_PRECONDITION"
            )

    def holds(self, member: Member) -> bool:
        """Whether a worker gets no trial for now, since another one tries what it failed."""
        return member.doubted is not None and self._has_others(member)

    def asks_another(self, worker: str, begun: Trial, record: Trial) -> bool:
        """Takes note of how a worker ended a trial; returns whether another one is to try it.

        Args:
            worker: its name.
            begun: the trial's record as it began.
            record: as it ended.
        """
        member = self.members[worker]
        if record.status == COMPLETED:
            member.failures = []
        if record.status == COMPLETED or begun.attempts >= MOST_ATTEMPTS:
            return False
        member.failures.append(begun)
        if len(member.failures) < MOST_FAILURES or not self._has_others(member):
            return False
        member.doubted = begun.id
        self.queue.put_back(begun)
        self.queue.oracle.save()
        self.report(
            f"{worker} has failed {len(member.failures)} trials in a row: another worker tries "
            f"trial {begun.number} ({record.reason})"
        )
        return True

    def hear(self, record: Trial, worker: str | None) -> None:
        """Draws conclusions from a trial that has ended, by a worker or by nobody."""
        for name, member in list(self.members.items()):
            if member.doubted != record.id:
                continue
            if record.status == COMPLETED and name != worker:
                self._refuse(name, member)
            member.doubted, member.failures = None, []

    def _refuse(self, worker: str, member: Member) -> None:
        del self.members[worker]
        for begun in member.failures:
            if begun.id != member.doubted:
                self.queue.reopen(begun)
        numbers = ", ".join(str(begun.number) for begun in member.failures)
        line = f"{worker} failed the trials {numbers}, the last of which another worker completed"
        self._refused[worker, member.session] = line
        self.report(f"{line}: it is refused, and the others are queued again")

    def _has_others(self, member: Member) -> bool:
        return any(each is not member and each.doubted is None for each in self.members.values())
