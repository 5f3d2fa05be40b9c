"""`kavc serve` under watch, and the row in which an attack on it is written down."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from closed_loop import KAVC

MEMORY = 6 * 2**30  # bytes at which a server is killed
KEPT = 50.0  # MiB beyond the start that a server may keep after a pause
LOGGED = 2**16  # characters that an attack may add to a log
GRACE = 3.0  # seconds that a server has to end, and
LATE = 2.0  # more of them


# === Rows ===


@dataclass
class Row:
    """What came of one attack.

    Args:
        part: of the benchmark.
        attack: its name.
        count: of its requests, versions or peers.
        codes: how they ended, in gRPC's codes or in words, to how many.
        seconds: of each request or check.
        before, most, after: resident MiB, if they were looked at. In the part "graphs" `most` is
            that of a process beyond what it began with.
        note: other numbers that were seen, or the error.
        faults: what was amiss.
    """

    part: str
    attack: str
    count: int
    codes: Counter[str]
    seconds: list[float] = field(default_factory=list)
    before: float | None = None
    most: float | None = None
    after: float | None = None
    note: str = ""
    faults: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Returns it for a table and as JSON: seconds to four digits, MiB to one."""
        seconds = self.seconds
        return {
            "part": self.part,
            "attack": self.attack,
            "count": self.count,
            "codes": ", ".join(f"{code} {n}" for code, n in self.codes.most_common()),
            "median s": _rounded(statistics.median(seconds) if seconds else None, 4),
            "largest s": _rounded(max(seconds, default=None), 4),
            "MiB before": _rounded(self.before, 1),
            "MiB at most": _rounded(self.most, 1),
            "MiB after": _rounded(self.after, 1),
            "faults": "; ".join(self.faults),
            "note": self.note,
        }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def amiss(checks: Mapping[str, bool]) -> list[str]:
    """Returns the names of faults that were found, of faults to whether they were."""
    return [fault for fault, found in checks.items() if found]


def log_faults(written: str) -> list[str]:
    """Returns what is wrong with lines of a log: tracebacks, too many, what can't be printed."""
    lines = written.splitlines()
    return amiss({
        f"{written.count('Traceback')} tracebacks in the log": "Traceback" in written,
        f"{len(written) / 1e3:.0f} kB of log": len(written) > LOGGED,
        "characters in the log that can't be printed": not all(map(str.isprintable, lines)),
    })  # fmt: skip


def end_faults(code: int | None, seconds: float) -> list[str]:
    """Returns what is wrong with the end of a server that has `GRACE` seconds for it."""
    return amiss({
        "had to be killed" if code is None else f"exit {code}": code != 0,
        f"took more than {GRACE + LATE:g} s to end": seconds > GRACE + LATE,
    })  # fmt: skip


# === The server ===


@dataclass(frozen=True)
class Usage:
    """What a process holds: resident MiB, threads, file descriptors; of one that ended, zeros."""

    mib: float
    threads: int
    files: int


def over_time(*usages: Usage) -> str:
    """Returns threads and files at several times, for a note."""
    threads = ", ".join(str(usage.threads) for usage in usages)
    return f"threads {threads}; files {', '.join(str(usage.files) for usage in usages)}"


class Server:
    """`kavc serve` in a process of its own, its memory watched and its log kept.

    Args:
        models_dir: what it serves.
        words: more of its command line.

    Attributes:
        process: of the server.
        address, metrics: HOST:PORT; `metrics` is empty without a port for them.
        log: what it wrote, in lines.
        most: resident MiB, at most, since somebody last set it.
    """

    def __init__(self, models_dir: Path, *words: str):
        self.process = subprocess.Popen(
            [KAVC, "serve", models_dir, "--port", "0", *words], stderr=subprocess.PIPE
        )
        self.log: list[str] = []
        self.address = self.metrics = ""
        self.most = 0.0
        self._ready = threading.Event()
        for work in (self._read, self._watch):
            threading.Thread(target=work, daemon=True).start()
        if not self._ready.wait(120) or not self.address:
            raise SystemExit("the server did not start: " + "\n".join(self.log))
        time.sleep(0.3)  # the line about metrics comes after

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def usage(self) -> Usage:
        """Returns what it holds now."""
        with contextlib.suppress(OSError, TypeError):
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            mib, threads = (
                int(re.search(rf"{key}:\s+(\d+)", status)[1]) for key in ("VmRSS", "Threads")
            )
            return Usage(mib / 1024, threads, len(os.listdir(f"/proc/{self.process.pid}/fd")))
        return Usage(0.0, 0, 0)

    def end(self, wait: float = 30.0) -> tuple[int | None, float]:
        """Sends SIGTERM; returns the exit code (None if it had to be killed) and the seconds."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code: int | None = self.process.wait(wait)
        except subprocess.TimeoutExpired:
            code = None
            self.process.kill()
            self.process.wait()
        return code, time.monotonic() - began

    def _read(self) -> None:
        for line in self.process.stderr:
            text = line.decode(errors="replace")
            self.log.append(text)
            if found := re.search(r" on (127\.0\.0\.1:\d+):", text):
                self.address = found[1]
                self._ready.set()
            if found := re.search(r"metrics on http://([^/]+)", text):
                self.metrics = found[1]
        self._ready.set()

    def _watch(self) -> None:
        while self.alive:
            self.most = max(self.most, self.usage().mib)
            if self.most * 2**20 > MEMORY:
                self.log.append(f"killed at {self.most:.0f} MiB")
                self.process.kill()
            time.sleep(0.05)
