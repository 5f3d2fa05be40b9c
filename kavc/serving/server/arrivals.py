"""Calls that wait for their caller: few enough that they bar nobody.

That is until the message has come whole, and again until the answer has been taken.

A call costs its caller a few bytes and holds a thread here, and memory for what has come of its
message. Whoever begins many and sends nothing would shut everybody else out; so where there are too
many, those end that have waited for more than a moment: first the oldest of the caller who has
most. In a flood they end sooner.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter

MOST_BEGUN = 128
FLOOD = 512
MOMENT = 1.0  # seconds: a small message is there much sooner


@dataclass(eq=False)
class Begun:
    """One call whose message is awaited.

    Args:
        peer: HOST:PORT of the caller's connection, as gRPC names it ("ipv4:10.0.0.7:41000").
        cancel: ends the call.
        upload: whether it is a request on its way, which the end of a server waits for; a stream
            that may say something more is none.
        since: when it began (monotonic).

    Example:
        >>> Begun("ipv4:10.0.0.7:41000", print, upload=True, since=0.0).host
        'ipv4:10.0.0.7'
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
    """The calls that wait for their callers. Used from many threads.

    Args:
        seconds: that a message may take to come, or an answer to go.
        most: calls at a time that have waited for a moment.
        flood: calls at a time.

    Example:
        with arrivals.awaited(context.peer(), context.cancel):
            message = next(messages)
    """

    def __init__(self, seconds: float, most: int = MOST_BEGUN, flood: int = FLOOD):
        self._seconds = seconds
        self._most = most
        self._flood = flood
        self._lock = threading.Lock()
        self._begun: dict[Begun, None] = {}  # the oldest first

    @contextlib.contextmanager
    def awaited(
        self, peer: str, cancel: Callable[[], object], *, upload: bool = True
    ) -> Iterator[None]:
        """Counts a call for a block; another one may be ended for it.

        Args:
            peer, cancel, upload: see `Begun`.
        """
        end = self.begin(peer, cancel, upload=upload)
        try:
            yield
        finally:
            end()

    def begin(
        self, peer: str, cancel: Callable[[], object], *, upload: bool = True
    ) -> Callable[[], None]:
        """Counts a call until the function that is returned is called; else as `awaited`."""
        call = Begun(peer, cancel, upload, time.monotonic())
        with self._lock:
            self._begun[call] = None
            crowded = len(self._begun) > self._flood
            # By some at a time, since to choose takes a millisecond.
            ended = self._surplus(self._flood * 7 // 8, float("inf")) if crowded else []
        for other in ended:
            other.cancel()
        return functools.partial(self._end, call)

    def _end(self, call: Begun) -> None:
        with self._lock:
            self._begun.pop(call, None)

    def tidy(self) -> None:
        """Ends the calls that are too many or have taken too long; to be called now and then."""
        now = time.monotonic()
        with self._lock:
            ended = [call for call in self._begun if call.since < now - self._seconds]
            ended += self._surplus(self._most, now - MOMENT)
        for call in ended:
            call.cancel()

    def uploads(self) -> int:
        """Returns how many requests, or answers, are on their way."""
        with self._lock:
            return sum(call.upload for call in self._begun)

    def _surplus(self, most: int, before: float) -> list[Begun]:
        """Takes out what is there beyond a number, of the calls that began before some time."""
        old = [call for call in self._begun if call.since < before]
        surplus = _by_merit(old)[most:]
        for call in surplus:
            del self._begun[call]
        return surplus


def _by_merit(calls: list[Begun]) -> list[Begun]:
    """Orders calls, given the oldest first, so that each host and connection has its turn.

    The newest of each host comes first, of that connection which had fewest turns; then the next.
    """
    turns: Counter[str] = Counter()
    hosts: defaultdict[str, list[tuple[int, float, Begun]]] = defaultdict(list)
    for call in reversed(calls):
        turns[call.peer] += 1
        hosts[call.host].append((turns[call.peer], -call.since, call))
    ranked = [
        (rank, -call.since, call)
        for of_one in hosts.values()
        for rank, (*_, call) in enumerate(sorted(of_one, key=itemgetter(0, 1)))
    ]
    return [call for *_, call in sorted(ranked, key=itemgetter(0, 1))]
