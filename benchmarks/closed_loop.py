"""Servers in processes of their own, and callers that send the same bytes again and again.

They know nothing of TensorFlow: a call is bytes out, bytes in, so that only the server differs
between cases. Import this before anything starts threads; callers are forked.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

PROCESSES = 2  # that the callers are spread over; one could not keep a server busy
OPTIONS = [
    ("grpc.max_receive_message_length", 2**28),
    ("grpc.max_send_message_length", 2**28),
    ("grpc.enable_http_proxy", 0),  # servers of a benchmark are on this machine
]
KAVC = Path(sys.executable).with_name("kavc")
BACKENDS = Path(__file__).with_name("serving_backends.py")
PREDICT = "/tensorflow.serving.PredictionService/Predict"


@dataclass(frozen=True)
class Seen:
    """What the callers of one run saw.

    Args:
        starts, seconds: (calls,) float64: when each call began, on the monotonic clock that all
            processes share, and how long it took.
        failures: name of gRPC status to how many calls ended with it.
        elapsed: seconds of the run.
        answers: bytes of each distinct answer to how many calls got it, if they were kept.
    """

    starts: np.ndarray
    seconds: np.ndarray
    failures: dict[str, int]
    elapsed: float
    answers: Counter[bytes] = field(default_factory=Counter)

    @property
    def throughput(self) -> float:
        """Answered calls a second."""
        return len(self.seconds) / self.elapsed

    def percentile(self, *percent: float) -> np.ndarray:
        """Latencies in milliseconds."""
        return np.percentile(self.seconds, percent) * 1e3


class Backend:
    """A process of `serving_backends.py`."""

    def __init__(self, words: Sequence[str]):
        self.process = subprocess.Popen(
            [sys.executable, BACKENDS, *map(os.fspath, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self.process.stdout.readline().strip()

    @property
    def memory(self) -> float:
        """Resident MiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 2**20

    def ask(self, line: str) -> str:
        """Sends a line and returns the line that comes back."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def stop(self) -> None:
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()


def serve(models_dir: Path) -> tuple[subprocess.Popen, str]:
    """Starts `kavc serve`; returns its process and where it listens."""
    server = subprocess.Popen(
        [KAVC, "serve", models_dir, "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    for line in server.stderr:
        found = re.search(r" on (127\.0\.0\.1:\d+):", line)
        if found:
            threading.Thread(target=server.stderr.read, daemon=True).start()  # or it would fill
            return server, found[1]
    raise SystemExit("the server did not start")


def run(
    address: str,
    request: bytes,
    *,
    clients: int,
    seconds: float,
    method: str = PREDICT,
    keep_answers: bool = False,
) -> Seen:
    """Runs `clients` callers for some seconds, after one call each to warm up."""
    context = multiprocessing.get_context("fork")
    processes = min(clients, PROCESSES)
    barrier = context.Barrier(processes)
    queue = context.Queue()
    workers = [
        context.Process(
            target=_work,
            args=(address, method, request, len(range(n, clients, processes)), seconds),
            kwargs={"barrier": barrier, "queue": queue, "keep_answers": keep_answers},
        )
        for n in range(processes)
    ]
    for worker in workers:
        worker.start()
    parts = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
    failures: dict[str, int] = {}
    for part in parts:
        for code in part[2]:
            failures[code] = failures.get(code, 0) + 1
    starts = np.concatenate([part[0] for part in parts])
    spent = np.concatenate([part[1] for part in parts])
    answers = sum((part[3] for part in parts), Counter())
    return Seen(starts, spent, failures, seconds, answers)


def _work(
    address: str,
    method: str,
    request: bytes,
    threads: int,
    seconds: float,
    *,
    barrier: Any,
    queue: Any,
    keep_answers: bool,
) -> None:
    import grpc

    seen: list[tuple[float, float]] = []
    failures: list[str] = []
    answers: Counter[bytes] = Counter()
    with grpc.insecure_channel(address, options=OPTIONS) as channel:
        call = channel.unary_unary(method)
        call(request, wait_for_ready=True, timeout=60)
        barrier.wait()
        stop = time.monotonic() + seconds

        lock = threading.Lock()

        def caller() -> None:
            mine, kept = [], Counter()
            while (start := time.monotonic()) < stop:
                try:
                    answer = call(request, timeout=60)
                except grpc.RpcError as error:
                    failures.append(error.code().name)
                else:
                    mine.append((start, time.monotonic() - start))
                    if keep_answers:
                        kept[answer] += 1
            seen.extend(mine)
            with lock:
                answers.update(kept)

        callers = [threading.Thread(target=caller) for _ in range(threads)]
        for each in callers:
            each.start()
        for each in callers:
            each.join()
    starts, spent = np.array(seen).reshape(-1, 2).T
    queue.put((starts, spent, failures, answers))
