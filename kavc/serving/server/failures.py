"""Versions that could not be loaded: why, and when each is tried again."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections.abc import Container
from dataclasses import dataclass

log = logging.getLogger(__name__)
ATTEMPTS = 5  # TensorFlow Serving's --max_num_load_retries
FIRST_WAIT = 1.0  # seconds before the second attempt; twice as long before each further one
MOST_FILES = 10_000  # of a version that are looked at for changes

Key = tuple[str, int]  # model and version


@dataclass
class Failure:
    """A version that could not be loaded.

    Args:
        attempts: so far, on these files.
        due: when the next is (monotonic).
        tried: the files' stamp at the last attempt.
        latest: the files' stamp at the last look; one that is being copied changes between looks.
        line: why.
    """

    attempts: int
    due: float
    tried: tuple
    latest: tuple
    line: str


class Failures:
    """What could not be loaded. Used from many threads.

    >>> failures = Failures()
    >>> failures.note(("ti-avc", 3), (1,), "ti-avc/3: no graph")
    >>> failures.attempts(("ti-avc", 3)), failures.lines()
    (1, ['ti-avc/3: no graph'])
    """

    def __init__(self) -> None:
        self._failures: dict[Key, Failure] = {}
        self._lock = threading.Lock()

    def attempts(self, key: Key) -> int:
        """Returns how often a version was tried in vain on the files that it had then."""
        with self._lock:
            return self._failures[key].attempts if key in self._failures else 0

    def due(self, key: Key, seen: tuple) -> bool:
        """Returns whether a version is to be tried, by the stamp of its files.

        One whose files have changed is, once they have ceased to: it was being copied, or was
        mended.
        """
        with self._lock:
            failure = self._failures.get(key)
            if failure is None:
                return True
            settled, failure.latest = seen == failure.latest, seen
            if seen != failure.tried:
                return settled
            return time.monotonic() >= failure.due

    def note(self, key: Key, seen: tuple, line: str) -> None:
        """Takes note of a failure, and logs it."""
        with self._lock:
            before = self._failures.get(key)
            again = before is not None and before.tried == seen
            attempts = before.attempts + 1 if before and again else 1
            wait = FIRST_WAIT * 2 ** (attempts - 1) if attempts < ATTEMPTS else float("inf")
            self._failures[key] = Failure(attempts, time.monotonic() + wait, seen, seen, line)
        if before is None or before.line != line or attempts > 1:
            log.error("%s, version %d (attempt %d of %d): %s", *key, attempts, ATTEMPTS, line)

    def forget(self, key: Key) -> None:
        """Forgets a version that has loaded."""
        with self._lock:
            self._failures.pop(key, None)

    def forget_others(self, name: str, versions: Container[int]) -> None:
        """Forgets the versions of a model that are none of these: they are gone."""
        with self._lock:
            for key in [key for key in self._failures if key[0] == name and key[1] not in versions]:
                del self._failures[key]

    def lines(self) -> list[str]:
        """Returns why each version failed, by model and version."""
        with self._lock:
            return [failure.line for _, failure in sorted(self._failures.items())]


def stamp(folder: str | os.PathLike) -> tuple:
    """Returns what changes when any file of a version is copied on or mended.

    A folder in it that can't be listed stands with the reason.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     before = stamp(folder)
    ...     os.mkdir(f"{folder}/variables")
    ...     stamp(folder) == before
    False
    """
    stamps: list[tuple] = []
    folders = [os.fspath(folder)]
    while folders and len(stamps) < MOST_FILES:
        path = folders.pop()
        try:
            with os.scandir(path) as entries:
                for entry in itertools.islice(entries, MOST_FILES):
                    found = entry.stat(follow_symlinks=False)
                    changing = (found.st_size, found.st_mtime_ns, found.st_ino)
                    stamps.append((entry.path, *changing))
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError as error:  # it may have gone
            stamps.append((path, error.errno or 0))
    return tuple(sorted(stamps[:MOST_FILES]))
