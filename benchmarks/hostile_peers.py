"""The part "peers": connections that are silent, slow, in a hurry, or speak no HTTP/2.

A caller who behaves asks two models in turn meanwhile, and its answers are the measure. In the end
servers get SIGTERM while calls are open.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from closed_loop import PREDICT
from hostile_attacks import ATTACKS, NOT_SHOWN, Attack
from hostile_caller import Asked, Asker
from hostile_calls import REFLECTION, good_of
from hostile_http2 import Http2, message
from hostile_models import endless, write_model_apart
from hostile_server import (
    GRACE,
    KEPT,
    Row,
    Server,
    Usage,
    amiss,
    end_faults,
    log_faults,
    over_time,
)

PAUSE = 5.0  # seconds after an attack
SLOWEST = 1.0  # seconds: p99 of the caller's that is no fault
KEPT_THREADS, KEPT_FILES = 600, 20  # beyond the start; a pool keeps its threads


def run(scratch: Path, count: int, seed: int) -> Iterator[Row]:
    """Yields a row for each attack on one server, and one for each way to end another.

    Args:
        scratch: an empty folder.
        count, seed: not used; each attack has its size.
    """
    models = _write_models(scratch)
    server = Server(models, "--monitoring-port", "0", "--grace", f"{GRACE:g}")
    asker = Asker(server.address, write_requests(scratch))
    try:
        time.sleep(3)
        for name, (number, attack) in ATTACKS.items():
            if server.alive:
                yield _under(server, asker, name, number, attack)
        asker.stop()
        yield _ended(server, "after all of them")
    finally:
        server.process.kill()
    for name, begin in ENDS.items():
        yield _end_with(models, name, begin)


def write_requests(folder: Path) -> Sequence[Path]:
    """Writes a good request for each of the models "a" and "b"; returns the files."""
    files = [folder / name for name in "ab"]
    for file in files:
        file.write_bytes(good_of(file.name).SerializeToString())
    return files


def _write_models(scratch: Path) -> Path:
    """Writes the models "a" and "b", and "endless", which never answers."""
    models = scratch / "models"
    write_model_apart(models / "a" / "1", models / "b" / "1")
    write_model_apart(models / "endless" / "1", harm=endless)
    return models


# === Attacks ===


def _under(server: Server, asker: Asker, name: str, number: int, attack: Attack) -> Row:
    """Attacks, pauses, and tells what the caller who behaves saw of it."""
    before, logged = server.usage(), len(server.log)
    server.most = before.mib
    start = time.monotonic()
    with attack(server) as note:
        attacked = time.monotonic()
        during = server.usage()
    time.sleep(PAUSE)
    asked = asker.between(start, time.monotonic())
    after = server.usage()
    row = Row("peers", name, number, Counter(each.code for each in asked))
    row.seconds = [each.seconds for each in asked]
    row.before, row.most, row.after = before.mib, server.most, after.mib
    p50, p99 = np.percentile(row.seconds, (50, 99)) if asked else (np.nan, np.nan)
    times = f"p50 {p50 * 1e3:.1f} ms; p99 {p99 * 1e3:.1f} ms"
    row.note = f"{note}; {times}; {over_time(before, during, after)}"
    row.faults = _kept(before, after)
    row.faults += amiss({
        "the server died": not server.alive,
        **_unanswered(asked, attacked),
        NOT_SHOWN: NOT_SHOWN in note,
        f"p99 over {SLOWEST:g} s": p99 > SLOWEST,
    })  # fmt: skip
    row.faults += log_faults("".join(server.log[logged:]))
    return row


def _kept(before: Usage, after: Usage) -> list[str]:
    mib, threads = after.mib - before.mib, after.threads - before.threads
    files = after.files - before.files
    return amiss({
        f"keeps {mib:.0f} MiB": mib > KEPT,
        f"keeps {threads} threads": threads > KEPT_THREADS,
        f"keeps {files} files": files > KEPT_FILES,
    })  # fmt: skip


def _unanswered(asked: Sequence[Asked], attacked: float) -> Mapping[str, bool]:
    failed = [each.due for each in asked if each.code != "OK"]
    later = sum(due >= attacked for due in failed)
    words = f"{len(failed)} requests of {len(asked)} not answered, {later} of them after the attack"
    return {words: bool(failed), "the caller could not ask": not asked}


# === Ends ===

# Opens calls on a server; returns what tells, after its end, what was amiss with them.
Begin = Callable[[Server], Callable[[], str]]


def _holding_open(http: Http2) -> Callable[[], str]:
    """Returns what closes a connection once the server has ended; nothing can be amiss."""

    def closed() -> str:
        http.socket.close()
        return ""

    return closed


def _begun(method: str, calls: int) -> Begin:
    """Returns what begins calls and sends nothing more."""

    def begin(server: Server) -> Callable[[], str]:
        http = Http2(server.address)
        for _ in range(calls):
            http.begin(method)
        return _holding_open(http)

    return begin


def _sent(method: str, calls: int, payload: Callable[[], bytes]) -> Begin:
    """Returns what sends whole calls."""

    def begin(server: Server) -> Callable[[], str]:
        http = Http2(server.address)
        for _ in range(calls):
            http.send(http.begin(method), message(payload()))
        return _holding_open(http)

    return begin


def _never_answered() -> bytes:
    request = good_of("endless")
    request.model_spec.signature_name = "harm"
    return request.SerializeToString()


def _uploading(server: Server) -> Callable[[], str]:
    """Begins a message of 3 s; SIGTERM comes in its middle."""
    http, found = Http2(server.address), []

    def upload() -> None:
        with contextlib.suppress(OSError):
            stream = http.begin(PREDICT)
            http.send(stream, message(good_of("a", 20_000).SerializeToString()), rate=110_000)
            end = time.monotonic() + GRACE
            while not http.answered.get(stream) and time.monotonic() < end:
                http.pump(0.1)
            found.append(len(http.answered.get(stream, b"")))

    thread = threading.Thread(target=upload, daemon=True)
    thread.start()

    def outcome() -> str:
        thread.join(10)
        return "" if found and found[0] > 0 else "the upload was not answered"

    return outcome


ENDS: Mapping[str, Begin] = {
    "idle reflection": _begun(REFLECTION, 8),
    "reflection of what is no message": _sent(REFLECTION, 50, lambda: b"\xff" * 9),
    "calls that never end": _sent(PREDICT, 8, _never_answered),
    "calls begun": _begun(PREDICT, 100),
    "a slow upload": _uploading,
}


def _end_with(models: Path, name: str, begin: Begin) -> Row:
    server = Server(models, "--grace", f"{GRACE:g}")
    try:
        outcome = begin(server)
        time.sleep(1.5)
        return _ended(server, name, outcome)
    finally:
        server.process.kill()


def _ended(server: Server, name: str, outcome: Callable[[], str] = lambda: "") -> Row:
    before, logged = server.usage(), len(server.log)
    code, seconds = server.end(GRACE + 15)
    row = Row("peers", f"SIGTERM: {name}", 1, Counter({f"exit {code}": 1}), [seconds])
    row.before = before.mib
    row.note = f"{over_time(before)}; log {sum(map(len, server.log))} B"
    row.faults = [fault for fault in (outcome(), *end_faults(code, seconds)) if fault]
    row.faults += log_faults("".join(server.log[logged:]))
    return row
