"""Work that may hang, crash or swell, done in a process of its own and under limits."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LIMIT = 6 * 2**30  # bytes of address space that a process may take beyond what it begins with

Work = Callable[[Callable[..., None]], None]


@dataclass
class End:
    """How a process ended.

    Args:
        how: "ended", "hangs" or "exit CODE", where a signal is a negative code.
        seconds: how long it ran.
        mib: what it held at most, resident, beyond what it began with.
        told: what it told, in order; an error that ended it is told as "raises".
    """

    how: str
    seconds: float
    mib: float
    told: list[dict[str, Any]] = field(default_factory=list)

    def fact(self, name: str) -> Any:
        """Returns what it told last under a name, but for what is empty; None if it did not."""
        return next((told[name] for told in reversed(self.told) if told.get(name)), None)


def apart(work: Work, seconds: float) -> End:
    """Does work in a forked process.

    Args:
        work: is given a function that tells facts, by name, which JSON can hold.
        seconds: that may pass between two things that it tells, before it is killed.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _do(work, writing)
    os.close(writing)
    began, said = time.monotonic(), b""
    while select.select([reading], [], [], seconds)[0]:
        part = os.read(reading, 2**16)
        said += part
        if not part:
            how = "ended"
            break
    else:
        how = "hangs"
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status, usage = os.wait4(child, 0)
    if how == "ended" and status:
        how = f"exit {os.waitstatus_to_exitcode(status)}"
    mib = max(0.0, usage.ru_maxrss / 1024 - _pages(1) / 2**20)
    told = [json.loads(line) for line in said.splitlines() if line.endswith(b"}")]
    return End(how, time.monotonic() - began, mib, told)


def _do(work: Work, writing: int) -> None:
    """Does the work under limits, without output of its own, and ends the process."""

    def tell(**facts: Any) -> None:
        os.write(writing, json.dumps(facts).encode() + b"\n")

    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        resource.setrlimit(resource.RLIMIT_AS, (_pages(0) + LIMIT,) * 2)
        work(tell)
        code = 0
    except BaseException as error:
        tell(raises=type(error).__name__)
        code = 0
    finally:
        os._exit(code)


def _pages(which: int) -> int:
    """Returns bytes of this process: of its address space (0), or resident (1)."""
    pages = Path("/proc/self/statm").read_text().split()[which]
    return int(pages) * resource.getpagesize()
