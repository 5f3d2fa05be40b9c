"""A process of a shared sweep on one machine."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import time

FAREWELL = 10.0  # seconds for a process that was asked to end
MOST_DEATHS = 3  # of one process while no trial ends


@dataclasses.dataclass
class Child:
    """A process that is started again when it dies.

    Args:
        name: of the worker, or "chief".
        process: as it runs, or ran.
        environment: what is different for it.
        deaths: how often it died.
        ended: trials that had ended at its first death since then.
        futile: deaths since a trial has ended.
        again: when it is to be started again, if it isn't running.
        gone: whether it has ended for good.
    """

    name: str
    process: subprocess.Popen
    environment: dict[str, str]
    deaths: int = 0
    ended: int = -1
    futile: int = 0
    again: float | None = None
    gone: bool = False

    def died(self, ended: int) -> bool:
        """Counts a death; returns whether it is worth another start."""
        self.deaths += 1
        self.futile = self.futile + 1 if ended == self.ended else 1
        self.ended = ended
        return self.futile < MOST_DEATHS


def end(process: subprocess.Popen, until: float | None = None) -> None:
    """Ends a process, the hard way if it takes longer than until then."""
    if process.poll() is None:
        process.terminate()
    left = FAREWELL if until is None else max(0.0, until - time.monotonic())
    try:
        process.wait(left)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stderr):
        if stream is not None:
            stream.close()


def how_ended(code: int) -> str:
    """Says how a process ended.

    >>> how_ended(-9), how_ended(1)
    ('SIGKILL', 'exit code 1')
    """
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
