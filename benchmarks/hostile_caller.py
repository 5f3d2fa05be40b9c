"""A caller who behaves: it asks once in 50 ms, in a process of its own, and is the measure.

Its process loads no TensorFlow, so that what it sees is the server's doing.

    python benchmarks/hostile_caller.py HOST:PORT FILE...  # sends the files' requests in turn
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import closed_loop

EVERY = 0.05  # seconds between two requests
WAIT = 5.0  # seconds that it waits for an answer


@dataclass(frozen=True)
class Asked:
    """One request: when it was due (monotonic), its seconds, the code, and the answer or b""."""

    due: float
    seconds: float
    code: str
    answer: bytes


class Asker:
    """Asks in a process of its own until it is stopped.

    Args:
        address: HOST:PORT of the server, which must answer when this is made.
        requests: files with the requests that it sends in turn.

    Attributes:
        asked: the requests that have ended so far.
    """

    def __init__(self, address: str, requests: Sequence[Path]):
        command = [sys.executable, __file__, address, *map(os.fspath, requests)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._process.stdout.readline()  # the first answer is there
        self.asked: list[Asked] = []
        threading.Thread(target=self._read, daemon=True).start()

    def between(self, start: float, end: float) -> list[Asked]:
        """Returns the requests that were due then; those still open are waited for."""
        time.sleep(max(0.0, end + WAIT + 0.5 - time.monotonic()) if self._open(end) else 0.1)
        return [asked for asked in list(self.asked) if start <= asked.due < end]

    def stop(self) -> None:
        """Ends its process."""
        self._process.stdin.close()
        self._process.wait(60)

    def _open(self, end: float) -> bool:
        """Returns whether less came back than was due."""
        time.sleep(0.3)
        recent = [asked for asked in list(self.asked) if end - 1 <= asked.due < end]
        return len(recent) < 0.9 / EVERY

    def _read(self) -> None:
        for line in self._process.stdout:
            due, seconds, code, answer = json.loads(line)
            self.asked.append(Asked(due, seconds, code, bytes.fromhex(answer)))


def ask(address: str, files: Sequence[str]) -> None:
    """Sends the requests of files in turn until standard input ends.

    It writes "ready" when each has been answered once, and a line of JSON for each one after that.
    """
    import grpc

    requests = [Path(file).read_bytes() for file in files]
    lock, stopped = threading.Lock(), threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
    with grpc.insecure_channel(address, options=closed_loop.OPTIONS) as channel:
        call = channel.unary_unary(closed_loop.PREDICT)
        for request in requests:
            call(request, timeout=60, wait_for_ready=True)
        print("ready", flush=True)

        def note(future: grpc.Future, due: float) -> None:
            spent, code = time.monotonic() - due, future.code().name
            answer = future.result().hex() if code == "OK" else ""
            with lock:
                print(json.dumps((due, spent, code, answer)), flush=True)

        due, number = time.monotonic(), 0
        while not stopped.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            future = call.future(requests[number % len(requests)], timeout=WAIT)
            future.add_done_callback(lambda future, due=due: note(future, due))
            due, number = due + EVERY, number + 1
        time.sleep(0.5)


if __name__ == "__main__":
    ask(sys.argv[1], sys.argv[2:])
