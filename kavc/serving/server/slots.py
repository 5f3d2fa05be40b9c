"""How many calls of one model run at a time."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator

from kavc.errors import ServingError

WAITING = 1000  # calls of one version that wait for a slot, and of all
WAITING_IN_ALL = 2000
LOOK = 1.0  # seconds between looks at whether the caller still waits


class Waiting:
    """The calls that wait for slots, of all versions. Used from many threads.

    Each waits in a thread. Where calls of several versions wait, each version has its part of all,
    so that those which are never answered leave room for others.

    Args:
        most: calls of all versions; those that waited alone before may make it more.

    Example:
        >>> waiting = Waiting(most=1)
        >>> slots = Slots(8, waiting)
        >>> waiting.join(slots)
        >>> waiting.count(slots)
        1
        >>> waiting.join(slots)
        Traceback (most recent call last):
            ...
        kavc.errors.ServingError: 1 calls of this model wait already
    """

    def __init__(self, most: int = WAITING_IN_ALL):
        self._most = most
        self._lock = threading.Lock()
        self._counts: Counter[Slots] = Counter()

    def join(self, slots: Slots) -> None:
        """Lets one more call wait.

        Raises:
            ServingError: RESOURCE_EXHAUSTED: as many wait as may.
        """
        with self._lock:
            versions = len(self._counts.keys() | {slots})
            count = self._counts[slots]
            if count >= min(WAITING, self._most // versions):
                raise ServingError(
                    f"{count} calls of this model wait already", "RESOURCE_EXHAUSTED"
                )
            self._counts[slots] += 1

    def leave(self, slots: Slots) -> None:
        """Notes that one waits no longer."""
        with self._lock:
            self._counts[slots] -= 1
            if not self._counts[slots]:
                del self._counts[slots]

    def count(self, slots: Slots) -> int:
        """Returns how many wait."""
        with self._lock:
            return self._counts.get(slots, 0)


class Slots:
    """The calls that one version of a model works on. Used from many threads.

    Each version has its own, so that calls which never end hold up no other model, nor the version
    that mends them.

    Args:
        most: calls that run at a time.
        waiting: of the server; of these slots alone by default.
    """

    def __init__(self, most: int, waiting: Waiting | None = None):
        self._free = threading.Semaphore(most)
        self._waiting = waiting or Waiting()

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return self._waiting.count(self)

    @contextlib.contextmanager
    def one(self, wanted: Callable[[], bool]) -> Iterator[None]:
        """Takes a slot for the block.

        Args:
            wanted: whether the caller still waits for its answer.

        Raises:
            ServingError: RESOURCE_EXHAUSTED if too many wait, CANCELLED if the caller is gone.

        Example:
            >>> slots = Slots(1)
            >>> with slots.one(lambda: True):
            ...     slots.waiting
            0
        """
        if not self._free.acquire(blocking=False):
            self._wait(wanted)
        try:
            yield
        finally:
            self._free.release()

    def _wait(self, wanted: Callable[[], bool]) -> None:
        self._waiting.join(self)
        try:
            while not self._free.acquire(timeout=LOOK):
                if not wanted():
                    raise ServingError("the caller waits no longer", "CANCELLED")
        finally:
            self._waiting.leave(self)
