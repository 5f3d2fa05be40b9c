"""What peers do to a server: each attack begins, holds for a while, and is taken back.

An attack is a function of the server that returns a context: entered when the attack is at its
height, left when its connections are closed. It gives numbers of its own for a note.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from closed_loop import PREDICT
from hostile_calls import HEALTH, METADATA, REFLECTION
from hostile_http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    FRAME,
    HEADERS,
    INITIAL_WINDOW,
    PING,
    PREFACE,
    RESET,
    SETTINGS,
    Http2,
    connect,
    frame,
    header_block,
    message,
    message_start,
)
from hostile_server import Server

HOLD = 3.0  # seconds of an attack
LONGER = 11.0  # seconds: than a server waits for the rest of a request for metrics
NOT_SHOWN = "no metrics"
CANCEL = struct.pack(">I", 8)
HELLO = bytes.fromhex("160301007a01000076030300") + bytes(200)  # TLS
ASKED = message(b"\n\x03\n\x01a\x12\x0dsignature_def")  # the metadata of the model "a"

Attack = Callable[[Server], contextlib.AbstractContextManager[str]]


# === Connections that are held ===


@contextlib.contextmanager
def _holding(make: Callable[[], socket.socket], count: int, hold: float = HOLD) -> Iterator[str]:
    """Makes connections, holds them for a while, and closes them."""
    made: list[socket.socket] = []
    enough = time.monotonic() + 2 * hold
    try:
        while len(made) < count and time.monotonic() < enough:
            with contextlib.suppress(OSError):
                made.append(make())
        time.sleep(hold)
        yield f"connections {len(made)}"
    finally:
        for each in made:
            with contextlib.suppress(OSError):
                each.close()


def _spoken(address: str, words: bytes, wait: float = 20.0) -> socket.socket:
    made = connect(address, wait)
    made.sendall(words)
    return made


def _saying(words: bytes, count: int) -> Attack:
    """Returns an attack by connections that say some bytes, and no more."""
    return lambda server: _holding(lambda: _spoken(server.address, words), count)


@contextlib.contextmanager
def _half_requests_for_metrics(server: Server) -> Iterator[str]:
    """Sends half requests to the other port, and in the end a whole one."""
    half = b"GET /monitoring"

    def paced() -> socket.socket:
        time.sleep(0.004)  # else most would wait in the system's queue, and not in the server
        return _spoken(server.metrics, half, wait=0.5)

    with _holding(paced, 500, hold=LONGER) as note:
        began = time.monotonic()
        try:
            with _spoken(server.metrics, half + b" HTTP/1.0\r\n\r\n", 5.0) as whole:
                answered = whole.recv(20).startswith(b"HTTP/1")
        except OSError:
            answered = False
        spent = time.monotonic() - began
        yield f"{note}; {'metrics' if answered else NOT_SHOWN} after {spent:.2f} s"


def _calls(
    method: str,
    connections: int,
    each: int,
    data: bytes = b"",
    settings: Mapping[int, int] | None = None,
) -> Attack:
    """Returns an attack by calls that are begun, perhaps with some data, and not ended."""

    def attack(server: Server) -> contextlib.AbstractContextManager[str]:
        def make() -> socket.socket:
            http = Http2(server.address, settings)
            for _ in range(each):
                stream = http.begin(method)
                if data:
                    http.socket.sendall(frame(DATA, 0, stream, data))
            return http.socket

        return _holding(make, connections)

    return attack


# === Connections that send ===


def _uploads(connections: int, size: int, upto: int, rate: float = 0.0) -> Attack:
    """Returns an attack by messages of which only some bytes come, perhaps slowly."""

    @contextlib.contextmanager
    def attack(server: Server) -> Iterator[str]:
        sent: list[int] = []
        made: list[Http2] = []

        def upload() -> None:
            with contextlib.suppress(OSError, ValueError):  # the socket is closed in the end
                http = Http2(server.address)
                made.append(http)
                stream = http.begin(PREDICT)
                http.send(stream, message_start(size) + bytes(upto), end=False, rate=rate)
                sent.append(upto)

        threads = [threading.Thread(target=upload, daemon=True) for _ in range(connections)]
        for thread in threads:
            thread.start()
        enough = time.monotonic() + 2 * HOLD
        for thread in threads:
            thread.join(max(0.0, enough - time.monotonic()))
        time.sleep(HOLD)
        yield f"uploads {connections}; sent as far as meant {len(sent)}"
        for http in made:
            http.socket.close()
        for thread in threads:
            thread.join()

    return attack


def _flood(connections: int, more: Callable[[Http2, random.Random], bytes]) -> Attack:
    """Returns an attack by connections that send as fast as they can for a while."""

    @contextlib.contextmanager
    def attack(server: Server) -> Iterator[str]:
        counts: Counter[str] = Counter()

        def send(number: int) -> None:
            draw, end = random.Random(number), time.monotonic() + HOLD
            while time.monotonic() < end:
                with contextlib.suppress(OSError):
                    http = Http2(server.address)
                    counts["connections"] += 1
                    with http.socket:
                        while time.monotonic() < end:
                            http.socket.sendall(more(http, draw))
                            counts["writes"] += 1
                            http.pump(0.0)

        threads = [threading.Thread(target=send, args=(n,)) for n in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        yield "; ".join(f"{what} {n}" for what, n in counts.items())

    return attack


def _opened_and_reset(http: Http2, draw: random.Random) -> bytes:
    made = b""
    block = header_block(PREDICT)
    for _ in range(50):
        http.stream += 2
        made += frame(HEADERS, END_HEADERS, http.stream, block)
        made += frame(RESET, 0, http.stream, CANCEL)
    return made


def _random_frames(http: Http2, draw: random.Random) -> bytes:
    kind, flags, stream = draw.randrange(12), draw.randrange(256), draw.choice((0, 1, 2, 2**31 - 1))
    return frame(kind, flags, stream, draw.randbytes(draw.choice((0, 4, 8, 100, FRAME))))


def _endless_headers(http: Http2, draw: random.Random) -> bytes:
    if http.stream < 0:
        http.stream = 1
        return frame(HEADERS, 0, 1, header_block(PREDICT))
    return frame(CONTINUATION, 0, 1, header_block(PREDICT, ("x", "v" * 100)) * 20)


# Name to how many connections, calls or uploads there are, and the attack.
ATTACKS: Mapping[str, tuple[int, Attack]] = {
    "nobody": (0, _saying(b"", 0)),
    "silent connections": (2000, _saying(b"", 2000)),
    "half a preface": (200, _saying(PREFACE[:15], 200)),
    "TLS": (200, _saying(HELLO, 200)),
    "HTTP/1": (200, _saying(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200)),
    "calls begun, one connection": (2000, _calls(PREDICT, 1, 2000)),
    "calls begun, many connections": (2000, _calls(PREDICT, 200, 10)),
    "idle reflection": (64, _calls(REFLECTION, 4, 16)),
    "idle watches of health": (64, _calls(HEALTH + "Watch", 4, 16, message(b""))),
    "answers that nobody takes": (64, _calls(METADATA, 4, 16, ASKED, {INITIAL_WINDOW: 0})),
    "40 MiB at 100 kB/s": (16, _uploads(16, 40 * 2**20, 400_000, 100_000.0)),
    "half of 200 MiB": (16, _uploads(16, 200 * 2**20, 100 * 2**20)),
    "opened and reset": (4, _flood(4, _opened_and_reset)),
    "pings": (4, _flood(4, lambda http, draw: frame(PING, 0, 0, bytes(8)) * 100)),
    "settings": (4, _flood(4, lambda http, draw: frame(SETTINGS) * 100)),
    "random frames": (4, _flood(4, _random_frames)),
    "endless headers": (4, _flood(4, _endless_headers)),
    "half a request for metrics": (500, _half_requests_for_metrics),
}
