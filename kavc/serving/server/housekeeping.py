"""What a server looks after every second."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)
SECOND = 1.0


class Housekeeping:
    """Calls functions again and again, in a thread of its own.

    Args:
        chores: what is called; one that fails is logged, and called again all the same.

    Example:
        housekeeping = Housekeeping(receiving.tidy, catalogue.end_calls)
        housekeeping.start()
    """

    def __init__(self, *chores: Callable[[], object]):
        self._chores = chores
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kavc-housekeeping", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, after what it is at."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(SECOND):
            for chore in self._chores:
                try:
                    chore()
                except Exception:
                    log.exception("housekeeping failed")
