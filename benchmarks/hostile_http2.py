"""HTTP/2 written by hand, since a library would keep its rules."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Mapping

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 8, 9  # kinds of frames
END_STREAM, END_HEADERS, ACK = 1, 4, 1  # flags
INITIAL_WINDOW = 4  # the setting of this number
FRAME = 16384  # bytes that a frame may hold
PARTS = 20  # a second, in which data are sent at a rate


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Returns one frame."""
    head = struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream)
    return head + payload


def header_block(method: str, *more: tuple[str, str]) -> bytes:
    """Returns the headers of a call, each as a literal that nobody need remember."""
    fields = (
        (":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost"),
        ("te", "trailers"), ("content-type", "application/grpc"), *more,
    )  # fmt: skip
    return b"".join(
        b"\0" + bytes([len(key)]) + key.encode() + bytes([len(value)]) + value.encode()
        for key, value in fields
    )


def message_start(size: int) -> bytes:
    """Returns what gRPC puts before a message of some bytes."""
    return b"\0" + struct.pack(">I", size)


def message(payload: bytes) -> bytes:
    """Returns a message as gRPC frames it."""
    return message_start(len(payload)) + payload


def connect(address: str, wait: float = 20.0) -> socket.socket:
    """Returns a connection to HOST:PORT, each of whose steps may take `wait` seconds."""
    host, _, port = address.rpartition(":")
    made = socket.create_connection((host, int(port)), timeout=wait)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class Http2:
    """A client's connection that sends what it is told to.

    Args:
        address: HOST:PORT.
        settings: number to value, as the preface gives them.

    Attributes:
        socket: for whatever else is to be sent.
        stream: the last one that was begun; -1 before the first.
        answered: stream to what came as its data.
    """

    def __init__(self, address: str, settings: Mapping[int, int] | None = None):
        self.socket = connect(address)
        self.stream = -1
        self.answered: dict[int, bytes] = {}
        self._initial = self._window = 65535
        self._windows: dict[int, int] = {}
        self._rest = b""
        sent = b"".join(struct.pack(">HI", *pair) for pair in (settings or {}).items())
        self.socket.sendall(PREFACE + frame(SETTINGS, payload=sent))

    def begin(self, method: str) -> int:
        """Sends the headers of a call; returns its stream."""
        self.stream += 2
        self.socket.sendall(frame(HEADERS, END_HEADERS, self.stream, header_block(method)))
        return self.stream

    def send(self, stream: int, data: bytes, *, end: bool = True, rate: float = 0.0) -> None:
        """Sends data as the server's windows allow.

        Args:
            stream: of the call.
            data: of one message or several.
            end: whether the call has no more.
            rate: bytes a second; without one, as fast as it goes.
        """
        began, sent = time.monotonic(), 0
        most = min(FRAME, max(1, int(rate / PARTS))) if rate else FRAME
        while sent < len(data):
            self.pump(0.0)
            window = min(self._window, self._initial + self._windows.get(stream, 0))
            if window <= 0:
                self.pump(1.0)
                continue
            part = data[sent : sent + min(most, window)]
            sent += len(part)
            last = END_STREAM if end and sent == len(data) else 0
            self.socket.sendall(frame(DATA, last, stream, part))
            self._window -= len(part)
            self._windows[stream] = self._windows.get(stream, 0) - len(part)
            if rate:
                time.sleep(max(0.0, began + sent / rate - time.monotonic()))

    def pump(self, seconds: float) -> None:
        """Reads what has come, and waits at most some seconds if nothing has.

        Raises:
            ConnectionError: the server has closed the connection.
        """
        if not select.select([self.socket], [], [], seconds)[0]:
            return
        part = self.socket.recv(2**16)
        if not part:
            raise ConnectionResetError("closed by the server")
        self._rest += part
        while len(self._rest) >= 9:
            size = int.from_bytes(self._rest[:3], "big")
            if len(self._rest) < 9 + size:
                return
            kind, flags = self._rest[3], self._rest[4]
            stream = int.from_bytes(self._rest[5:9], "big")
            payload, self._rest = self._rest[9 : 9 + size], self._rest[9 + size :]
            self._take(kind, flags, stream, payload)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            for key, value in struct.iter_unpack(">HI", payload):
                if key == INITIAL_WINDOW:
                    self._initial = value
            self.socket.sendall(frame(SETTINGS, ACK))
        elif kind == PING and not flags & ACK:
            self.socket.sendall(frame(PING, ACK, 0, payload))
        elif kind == WINDOW:
            more = int.from_bytes(payload, "big")
            if stream:
                self._windows[stream] = self._windows.get(stream, 0) + more
            else:
                self._window += more
        elif kind == DATA:
            self.answered[stream] = self.answered.get(stream, b"") + payload
