"""Who uses a thing, and what happens when it is to end and nobody does any more."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Leases:
    """Counts the users of one thing, from many threads.

    Example:
        if leases.take():
            try:
                ...
            finally:
                leases.give_back()
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0
        self._then: Callable[[], None] | None = None

    def take(self) -> bool:
        """Takes a lease; returns False if there are no more, since the end has come."""
        with self._lock:
            if self._then is not None:
                return False
            self._taken += 1
        return True

    def give_back(self) -> None:
        """Gives a lease back; the last one after `end` does what was to be done then."""
        with self._lock:
            self._taken -= 1
            then = self._then if self._taken == 0 else None
        if then is not None:
            then()

    def end(self, then: Callable[[], None]) -> None:
        """Gives out no more leases, and calls `then` once all are back: now, or in `give_back`.

        >>> leases = Leases()
        >>> leases.take()
        True
        >>> leases.end(lambda: print("freed"))
        >>> leases.take()
        False
        >>> leases.give_back()
        freed
        """
        with self._lock:
            self._then = then
            free = self._taken == 0
        if free:
            then()
