"""Whether requests are worked on, as the end of a server wants to know."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any


class Activity:
    """Counts the requests that are worked on, from many threads.

    Args:
        counted: makes a context of (method, model), which this one wraps.

    Example:
        >>> import contextlib
        >>> activity = Activity(lambda method, model: contextlib.nullcontext())
        >>> with activity.request("Predict", "ti-avc"):
        ...     activity.idle(), activity.wait(0)
        (0.0, False)
    """

    def __init__(self, counted: Callable[[str, str], Any]):
        self._counted = counted
        self._changed = threading.Condition()
        self._running = 0
        self._last = time.monotonic()

    @contextlib.contextmanager
    def request(self, method: str, model: str) -> Iterator[Callable[[str], None]]:
        """Marks one request, from its first line to its last."""
        self._add(1)
        try:
            with self._counted(method, model) as ended:
                yield ended
        finally:
            self._add(-1)

    def idle(self) -> float:
        """Returns for how many seconds there has been none."""
        with self._changed:
            return 0.0 if self._running else time.monotonic() - self._last

    def wait(self, seconds: float) -> bool:
        """Waits until there is none; returns whether that came within some seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0, seconds)

    def _add(self, change: int) -> None:
        with self._changed:
            self._running += change
            self._last = time.monotonic()
            self._changed.notify_all()
