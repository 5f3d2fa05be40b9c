"""How many calls of one model run at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from kavc.errors import ServingError

WAITING = 1000  # calls of one model that wait for a slot; further ones get RESOURCE_EXHAUSTED
LOOK = 1.0  # seconds between looks at whether the caller still waits


class Slots:
    """The calls that one version of a model works on. Used from many threads.

    Each version has its own, so that calls which never end hold up no other model, nor the version
    that mends them.

    Args:
        most: calls that run at a time.
    """

    def __init__(self, most: int):
        self._free = threading.Semaphore(most)
        self._lock = threading.Lock()
        self.waiting = 0

    @contextlib.contextmanager
    def one(self, wanted: Callable[[], bool]) -> Iterator[None]:
        """Takes a slot for the block.

        Args:
            wanted: whether the caller still waits for its answer.

        Raises:
            ServingError: RESOURCE_EXHAUSTED if too many wait, CANCELLED if the caller is gone.
        """
        if not self._free.acquire(blocking=False):
            self._wait(wanted)
        try:
            yield
        finally:
            self._free.release()

    def _wait(self, wanted: Callable[[], bool]) -> None:
        with self._lock:
            if self.waiting >= WAITING:
                raise ServingError(
                    f"{self.waiting} calls of this model wait already", "RESOURCE_EXHAUSTED"
                )
            self.waiting += 1
        try:
            while not self._free.acquire(timeout=LOOK):
                if not wanted():
                    raise ServingError("the caller waits no longer", "CANCELLED")
        finally:
            with self._lock:
                self.waiting -= 1
