"""The part "requests": thousands that are spoilt, huge, compressed or cut short.

Kinds come one after the other, so that each has its own time and memory. Between them, again and
again, a good request must be answered rightly.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
import hostile_predict as predict
import hostile_transport as transport
from hostile_calls import MODEL, Answers, Call, answers_rightly, channel_to, send
from hostile_models import write_model_apart
from hostile_server import KEPT, Row, Server, amiss, over_time

BETWEEN = 25  # requests between two good ones
PAUSE = 4.0  # seconds in which a server may give memory back


@dataclass(frozen=True)
class Kind:
    """Requests of one kind.

    Args:
        count: how many of 5,000.
        make: makes one, as a draw decides.
        at_least: how many, however few there are in all.
        slow: seconds that none may take; some of them are the caller's own, who compresses.
    """

    count: int
    make: Callable[[random.Random], Call]
    at_least: int = 1
    slow: float = 2.0


KINDS: Mapping[str, Kind] = {
    "spoilt fields": Kind(1900, predict.spoilt_fields),
    "spoilt bytes": Kind(1300, predict.spoilt_payload),
    "claims of terabytes": Kind(200, predict.terabytes),
    "control characters": Kind(300, predict.named(lambda draw: draw.choice(predict.CONTROL))),
    "names of 1 MB": Kind(30, predict.named(lambda draw: "n" * 10**6), 5),
    "names of 40 MB": Kind(5, predict.named(lambda draw: "n" * 40_000_000), 5),
    "thousands of inputs": Kind(20, predict.many_inputs, 2),
    "thousands of filters": Kind(20, predict.many_filters, 2),
    "metadata, status, health, reflection": Kind(400, transport.other_call),
    "unknown methods": Kind(150, transport.unknown_method),
    "strange metadata": Kind(150, transport.strange_metadata),
    "tiny deadlines": Kind(150, transport.tiny_deadline),
    "cancelled": Kind(150, transport.cancelled),
    "compressed, good": Kind(200, transport.compressed),
    "257 MiB": Kind(3, transport.oversized, 3),
    "bombs of 1 GiB": Kind(2, transport.bomb, 2, slow=20.0),
    "240 MiB for no model": Kind(6, transport.zeros(240, "nobody"), 6),
    "240 MiB for no model, gzip": Kind(
        6, transport.zeros(240, "nobody", grpc.Compression.Gzip), 6, slow=10.0
    ),
}


def run(scratch: Path, count: int, seed: int) -> Iterator[Row]:
    """Yields a row for each kind of request, and one for what the server kept of all of them.

    Args:
        scratch: an empty folder.
        count: of requests, about.
        seed: of what is drawn.
    """
    write_model_apart(scratch / "models" / MODEL / "1")
    server = Server(scratch / "models")
    try:
        with channel_to(server.address) as channel:
            for _ in range(100):
                answers_rightly(channel)
        before, began = server.usage(), len(server.log)
        for name, kind in KINDS.items():
            if server.alive:
                yield _of_kind(server, name, kind, count, seed)
        time.sleep(PAUSE)
        after = server.usage()
        written = "".join(server.log[began:])
        code, seconds = server.end()
    finally:
        server.process.kill()
    tracebacks = written.count("Traceback")
    whole = Row("requests", "after all of them", 1, Counter({f"exit {code}": 1}), [seconds])
    whole.before, whole.after = before.mib, after.mib
    whole.note = f"log {len(written)} B; tracebacks {tracebacks}; {over_time(before, after)}"
    whole.faults = amiss({
        "tracebacks in the log": tracebacks > 0,
        "exit code": code != 0,
        "keeps memory": after.mib > before.mib + KEPT,
    })  # fmt: skip
    yield whole


def _of_kind(server: Server, name: str, kind: Kind, count: int, seed: int) -> Row:
    """Sends the requests of one kind; a good one before, between and after them."""
    draw = random.Random(f"{seed} {name}")
    answers, before, wrong = Answers(), server.usage(), 0
    server.most = before.mib
    number = max(kind.at_least, round(kind.count * count / 5000))
    with channel_to(server.address) as channel, channel_to(server.address) as other:
        for index in range(number):
            send(channel, kind.make(draw), answers)
            if index % BETWEEN == 0 or index == number - 1:
                wrong += not answers_rightly(other)
            if not server.alive:
                break
    most = server.most
    if most > before.mib + KEPT / 2:
        time.sleep(PAUSE)
    after = server.usage()
    row = Row("requests", name, number, answers.codes, answers.seconds, before.mib, most, after.mib)
    row.note = f"longest details {answers.longest} B"
    row.faults = [f"{fault} ({times})" for fault, times in answers.faults.items()]
    row.faults += amiss({
        "the server died": not server.alive,
        f"{wrong} good requests not answered": wrong > 0,
        f"slower than {kind.slow:g} s": max(answers.seconds) > kind.slow,
        "keeps memory": after.mib > before.mib + KEPT,
    })  # fmt: skip
    return row
