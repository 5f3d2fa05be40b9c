"""YAMNet in a process of its own: it needs TensorFlow, which the page's process does not load.

So what comes back is no type of a module that does.
"""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from kavc.app.answers import HEARD, Span
from kavc.errors import KavcError

if TYPE_CHECKING:
    from kavc.media.listening import Listener

SECONDS = 600.0  # for a clip


class Listening:
    """Says which sounds are heard in files, one at a time.

    Args:
        folder: of the weights and classes.

    Raises:
        ConfigError: it has none.

    Example:
        listening = Listening(Path("weights/yamnet"))
        listening.spans(Path("holiday.mp4"))
        listening.close()
    """

    def __init__(self, folder: Path):
        from kavc.media.weight_folders import yamnet_weights

        yamnet_weights(folder)
        self._folder = folder
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def spans(self, path: Path) -> list[Span]:
        """Returns what is heard in a file, in the order of time.

        Raises:
            DataError: it can't be read, or has no sound.
            KavcError: the process ended, or took too long.
        """
        try:
            job = self._started().submit(_spans, str(self._folder), str(path))
            return job.result(SECONDS)
        except (BrokenProcessPool, TimeoutError):
            self.close()
            raise KavcError("what listens ended, or took too long; drop the clip again") from None

    def close(self) -> None:
        """Ends the process; the next call starts another one."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            for process in list((pool._processes or {}).values()):  # a job that hangs would hold it
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(1, mp_context=context)
            return self._pool


@lru_cache(maxsize=1)
def _listener(folder: str) -> Listener:
    from kavc.media.listening import Listener

    return Listener.load(folder)


def _spans(folder: str, path: str) -> list[Span]:
    found = _listener(folder).events(path)
    return [Span(each.start, each.end, HEARD, each.label, each.score) for each in found]
