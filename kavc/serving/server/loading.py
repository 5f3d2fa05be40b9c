"""The thread that brings one model in step, and can be left alone when it hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def _nothing() -> None:
    pass


class Worker:
    """The thread that brings one model in step, a version at a time.

    Once it is abandoned nothing that it makes is taken any more.

    Args:
        work: what it does; is given the worker.

    Attributes:
        version: that it is loading; None between two.
        seen: the files' stamp of that.
        abandoned: whether nobody waits for it any more.

    Example:
        >>> worker = Worker(lambda worker: None)
        >>> worker.begin(3, ()), worker.version
        (True, 3)
        >>> worker.abandon()
        >>> worker.finish(lambda: print("offered"))
        False
    """

    def __init__(self, work: Callable[[Worker], None]):
        self.thread = threading.Thread(target=work, args=(self,), name="kavc-load", daemon=True)
        self.version: int | None = None
        self.seen: tuple = ()
        self.abandoned = False
        self._since = 0.0  # monotonic
        self._end: Callable[[], None] = _nothing
        self._lock = threading.Lock()

    def begin(self, version: int, seen: tuple) -> bool:
        """Begins to load a version, unless nobody waits for it; returns whether it does."""
        with self._lock:
            if not self.abandoned:
                self.version, self.seen, self._since = version, seen, time.monotonic()
            return not self.abandoned

    def opened(self, end: Callable[[], None]) -> None:
        """Takes what ends the loading."""
        with self._lock:
            self._end = end
            if not self.abandoned:
                return
        end()

    def finish(self, then: Callable[[], None]) -> bool:
        """Ends the work on a version and does `then`, unless nobody waits for it.

        Returns:
            Whether it did: what was abandoned before is never followed by `then`.
        """
        with self._lock:
            self.version, self._end = None, _nothing
            if not self.abandoned:
                then()
            return not self.abandoned

    def abandon_late(self, seconds: float) -> int | None:
        """Abandons it if it has been loading for so long; returns the version then."""
        with self._lock:
            version = self.version
            if version is None or time.monotonic() - self._since < seconds:
                return None
            self.abandoned, end = True, self._end
        end()
        return version

    def abandon(self) -> None:
        """Abandons it, whatever it is at, and ends its loading."""
        with self._lock:
            self.abandoned, end = True, self._end
        end()
