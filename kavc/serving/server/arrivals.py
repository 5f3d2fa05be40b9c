"""Calls that have begun and whose message has not come whole: few enough that they bar nobody.

A call costs its caller a few bytes and holds a thread here, and memory for what has come of its
message. Whoever begins many and sends nothing would shut everybody else out; so where there are too
many, one ends for each that comes: the oldest of the caller who has most.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MOST_BEGUN = 128


@dataclass(eq=False)
class Begun:
    """One call whose message is awaited.

    Args:
        peer: HOST:PORT of the caller's connection, as gRPC names it ("ipv4:10.0.0.7:41000").
        cancel: ends the call.
        upload: whether it is a request on its way, which the end of a server waits for; a stream
            that may say something more is none.
        since: when it began (monotonic).
    """

    peer: str
    cancel: Callable[[], object]
    upload: bool
    since: float

    @property
    def host(self) -> str:
        """The peer without its port."""
        return self.peer.rpartition(":")[0]


class Arrivals:
    """The calls whose messages are awaited. Used from many threads.

    Args:
        seconds: that a message may take to come.
        most: calls at a time.

    Example:
        with arrivals.awaited(context.peer(), context.cancel):
            message = next(messages)
    """

    def __init__(self, seconds: float, most: int = MOST_BEGUN):
        self._seconds = seconds
        self._most = most
        self._lock = threading.Lock()
        self._begun: dict[Begun, None] = {}  # the oldest first

    @contextlib.contextmanager
    def awaited(
        self, peer: str, cancel: Callable[[], object], *, upload: bool = True
    ) -> Iterator[None]:
        """Counts a call while its message is awaited; another one may be ended for it.

        Args:
            peer, cancel, upload: see `Begun`.
        """
        call = Begun(peer, cancel, upload, time.monotonic())
        with self._lock:
            self._begun[call] = None
            ended = self._surplus() if len(self._begun) > self._most else None
        if ended is not None:
            ended.cancel()
        try:
            yield
        finally:
            with self._lock:
                self._begun.pop(call, None)

    def expire(self) -> None:
        """Ends the calls whose messages have taken too long."""
        before = time.monotonic() - self._seconds
        with self._lock:
            late = [call for call in self._begun if call.since < before]
        for call in late:
            call.cancel()

    def uploads(self) -> int:
        """Returns how many requests are on their way."""
        with self._lock:
            return sum(call.upload for call in self._begun)

    def _surplus(self) -> Begun:
        """Takes one call out: of the host, and there of the connection, with most; the oldest."""
        hosts = Counter(call.host for call in self._begun)
        peers = Counter(call.peer for call in self._begun)
        # `max` returns the first of equals.
        found = max(self._begun, key=lambda call: (hosts[call.host], peers[call.peer]))
        del self._begun[found]
        return found
