"""A worker's signs of life, and what it hears in answer to them."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

from kavc.errors import KavcError
from kavc.tuning.distribute.membership import Membership
from kavc.tuning.distribute.messages import GRACE

BEAT = 2.0  # seconds between two signs of life


class Withdrawn(BaseException):
    """The running trial is no longer this worker's. No `Exception`: it has not failed."""


class Heartbeat(threading.Thread):
    """Gives signs of life, and hears from the chief that a trial is to be dropped.

    Args:
        member: whose.
        leave: ends the process, which has not ended by itself, with a line of text.
    """

    def __init__(self, member: Membership, leave: Callable[[str], None]):
        super().__init__(name="heartbeat", daemon=True)
        self.member = member
        self.leave = leave
        self.over: str | None = None
        self.error: Exception | None = None
        self.lost: str | None = None  # id of a trial that is no longer ours
        self._lost_since = math.inf
        self._stopped = threading.Event()

    def check(self) -> None:
        """Raises `Withdrawn` if the running trial is of no use."""
        lost = self.lost is not None and self.lost == self.member.trial
        if self.over or self.error or lost:
            raise Withdrawn

    def run(self) -> None:
        while not (self.over or self.error):
            if self._stopped.wait(BEAT):
                return
            self._beat()
        if not self._stopped.wait(GRACE):
            self.leave(str(self.error or f"the sweep is over: {self.over}"))

    def stop(self) -> None:
        """Ends it."""
        self._stopped.set()

    def _beat(self) -> None:
        trial = self.member.trial
        try:
            answer = self.member.ask("beat", trial=trial)
        except Exception as error:  # whatever it is, the chief hears no more of this worker
            self.error = error
            return
        self.over = answer["over"]
        if trial is not None and not answer["keep"]:
            self._lose(trial)

    def _lose(self, trial: str) -> None:
        """Lets `check` end a trial that was taken away; ends the process if that takes long."""
        now = time.monotonic()
        if self.lost != trial:
            self.lost, self._lost_since = trial, now
        elif now - self._lost_since >= GRACE:
            self.leave("its trial was taken from it")


@contextlib.contextmanager
def beating(member: Membership) -> Iterator[Heartbeat]:
    """Yields a beating heart; says good-bye for a process that is interrupted."""

    def leave(text: str) -> None:
        sys.stderr.write(f"error: {member.name} ends in the middle of an epoch; {text}\n")
        sys.stderr.flush()
        os._exit(1)

    heart = Heartbeat(member, leave)
    heart.start()
    try:
        yield heart
    except KeyboardInterrupt:
        member.client.hurry()
        with contextlib.suppress(KavcError):
            member.ask("leave", error=None)
        raise
    finally:
        heart.stop()
