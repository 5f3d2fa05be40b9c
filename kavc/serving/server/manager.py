"""Keeps a catalogue in step with a folder of models: the highest version that loads is served.

A new version is loaded and warmed up before the old one is withdrawn. One that can't be loaded
leaves the old one where it is, shows its error in the status, and is tried again a few times, and
whenever a file of it has changed. Each model has a thread of its own for this: whatever happens
with one, the others roll on.
"""

from __future__ import annotations

import functools
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kavc.errors import ServingError
from kavc.serving.server.catalogue import END, LOADING, Catalogue
from kavc.serving.server.memory import release_memory
from kavc.serving.server.model import Model
from kavc.serving.versions import model_folders, models_there, version_folders
from kavc.serving.warmup import read_warmup
from kavc.texts import one_line

log = logging.getLogger(__name__)
ATTEMPTS = 5  # TensorFlow Serving's --max_num_load_retries
FIRST_WAIT = 1.0  # seconds before the second attempt; twice as long before each further one
MOST_FILES = 10_000  # of a version that are looked at for changes
LOOK = 0.05  # seconds between looks at whether loads that are waited for have ended

Load = Callable[..., Model]


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


class Worker:
    """The thread that brings one model in step.

    Args:
        work: what it does; is given the worker.

    Attributes:
        version: that it is loading; None between two.
        seen: the files' stamp of that.
        since: when it began that (monotonic).
        abandoned: whether nobody waits for it any more.
    """

    def __init__(self, work: Callable[[Worker], None]):
        self.thread = threading.Thread(target=work, args=(self,), name="kavc-load", daemon=True)
        self.version: int | None = None
        self.seen: tuple = ()
        self.since = 0.0
        self.abandoned = False
        self._end: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def begin(self, version: int, seen: tuple) -> None:
        """Begins to load a version."""
        self.version, self.seen, self.since = version, seen, time.monotonic()

    def opened(self, end: Callable[[], None]) -> None:
        """Takes what ends the loading."""
        with self._lock:
            self._end = end
            if not self.abandoned:
                return
        end()

    def finish(self) -> bool:
        """Ends the work on a version; returns whether anybody still waits for it."""
        with self._lock:
            self.version, self._end = None, lambda: None
            return not self.abandoned

    def abandon(self, seconds: float = 0.0) -> int | None:
        """Ends the loading if it has lasted for so long; returns the version then."""
        with self._lock:
            version = self.version
            if version is None or time.monotonic() - self.since < seconds:
                return None
            self.abandoned, end = True, self._end
        end()
        return version


class VersionManager:
    """Loads, swaps and withdraws versions as they come and go in a folder.

    Args:
        models_dir: folder with NAME/VERSION/saved_model.pb.
        catalogue: what is offered.
        load: makes a model of (name, version, folder), or raises `ServingError`; `opened` is a
            function to be given what ends the loading.
        warmup: whether a version's warm-up requests are run before it is offered.
        seconds: that a version may take to load and to warm up; then it is given up.
        on_change: called after a version was offered or withdrawn.
    """

    def __init__(
        self,
        models_dir: str | os.PathLike,
        catalogue: Catalogue,
        load: Load = Model,
        *,
        warmup: bool = True,
        seconds: float = float("inf"),
        on_change: Callable[[], None] = lambda: None,
    ):
        self.models_dir = Path(models_dir)
        self.catalogue = catalogue
        self._load = load
        self._warmup = warmup
        self._seconds = seconds
        self._on_change = on_change
        self._failures: dict[tuple[str, int], Failure] = {}
        self._workers: dict[str, Worker] = {}
        self._lost: dict[tuple[str, int], Worker] = {}  # that hang in a version
        self._withdrawn = False  # since the last poll
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def load_all(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Loads the highest version that can be loaded of every model.

        Args:
            until: no further version is waited for when this returns true.

        Raises:
            ConfigError: no model is there.
            ServingError: none can be loaded.
        """
        model_folders(self.models_dir)
        self.poll(self._seconds, until=until)
        if not self.catalogue.names() and not until():
            raise ServingError(next(iter(self._errors()), f"{self.models_dir}: no model loads"))

    def poll(self, wait: float = 0.0, *, until: Callable[[], bool] = lambda: False) -> None:
        """Brings the catalogue in step with the folder, once.

        Args:
            wait: seconds to wait for what is being loaded.
            until: waiting ends when this returns true.
        """
        if self._withdrawn:  # the requests that held it have been answered by now, most likely
            self._withdrawn = False
            release_memory()
        self._abandon()
        if not self.models_dir.is_dir():
            log.warning("%s: no such folder; what is loaded is served on", self.models_dir)
            return
        folders = models_there(self.models_dir)
        for name in sorted({*folders, *self.catalogue.names()}):
            self._begin(name, folders.get(name))
        end = time.monotonic() + wait
        for worker in list(self._workers.values()):
            while worker.thread.is_alive() and time.monotonic() < end and not until():
                worker.thread.join(LOOK)

    def start(self, poll_seconds: float) -> None:
        """Polls in a thread of its own until `stop`."""
        self._thread = threading.Thread(
            target=self._run, args=(poll_seconds,), name="kavc-versions", daemon=True
        )
        self._thread.start()

    def stop(self, seconds: float = float("inf")) -> bool:
        """Begins to load no more, and ends what is being loaded.

        Args:
            seconds: to wait at most.

        Returns:
            Whether all has ended; else a thread hangs in a version.
        """
        self._stopped.set()
        end = time.monotonic() + seconds
        if self._thread is not None:
            self._thread.join()  # it waits for nothing
        workers = [*self._workers.values(), *self._lost.values()]
        for worker in workers:
            worker.abandon()
        for worker in workers:
            worker.thread.join(min(max(0.0, end - time.monotonic()), threading.TIMEOUT_MAX))
        return not any(worker.thread.is_alive() for worker in workers)

    def _run(self, poll_seconds: float) -> None:
        while not self._stopped.wait(poll_seconds):
            try:
                self.poll()
            except Exception:  # a folder that is being changed can fail in many ways
                log.exception("looking for versions in %s failed", self.models_dir)

    def _begin(self, name: str, folder: Path | None) -> None:
        """Has a thread bring one model in step, unless one is at it."""
        if name in self._workers and self._workers[name].thread.is_alive():
            return
        worker = Worker(functools.partial(self._follow, name=name, folder=folder))
        self._workers[name] = worker
        worker.thread.start()

    def _abandon(self) -> None:
        """Gives up what loads for too long; should it hang, other versions come all the same."""
        self._lost = {key: lost for key, lost in self._lost.items() if lost.thread.is_alive()}
        for name, worker in list(self._workers.items()):
            version = worker.abandon(self._seconds)
            if version is not None:
                self._lost[name, version] = self._workers.pop(name)
                line = f"{self.models_dir / name / str(version)}: did not load within "
                line += f"{self._seconds:g} s"
                self._failed((name, version), worker.seen, line, ATTEMPTS)

    def _follow(self, worker: Worker, name: str, folder: Path | None) -> None:
        try:
            self._step(worker, name, version_folders(folder) if folder else {})
        except Exception:  # of a folder that is being changed
            log.exception("looking for versions of %s failed", name)

    def _step(self, worker: Worker, name: str, found: dict[int, Path]) -> None:
        """Serves the highest version of one model that loads, and no other."""
        for key in [key for key in self._failures if key[0] == name and key[1] not in found]:
            self._failures.pop(key, None)
        served = self.catalogue.versions(name)
        for version in sorted(found, reverse=True):
            if version in served or self._try(worker, name, version, found[version]):
                self._withdraw_all_but(version, name, served)
                return
            if worker.abandoned or self._stopped.is_set():
                return
        if not found:
            self._withdraw_all_but(None, name, served)

    def _withdraw_all_but(self, kept: int | None, name: str, served: list[int]) -> None:
        for version in served:
            if version != kept:
                log.info("withdrawing %s, version %d", name, version)
                self.catalogue.withdraw(name, version)
                self._withdrawn = True
                self._on_change()

    def _try(self, worker: Worker, name: str, version: int, folder: Path) -> bool:
        """Loads and offers a version; returns whether that went well."""
        key, seen = (name, version), _stamp(folder)
        failure = self._failures.get(key)
        if key in self._lost or (failure is not None and not _is_due(failure, seen)):
            return False
        worker.begin(version, seen)
        self.catalogue.mark(name, version, LOADING)
        try:
            model = self._load(name, version, folder, opened=worker.opened)
            if self._warmup:
                _warm_up(model, folder)
        except Exception as error:
            line = str(error) if isinstance(error, ServingError) else _unforeseen(folder, error)
            if worker.finish():
                again = failure is not None and failure.tried == seen
                self._failed(key, seen, line, failure.attempts + 1 if failure and again else 1)
            return False
        if not worker.finish():
            model.close()
            return False
        self._failures.pop(key, None)
        self.catalogue.offer(model)
        log.info("serving %s, version %d", name, version)
        self._on_change()
        return True

    def _failed(self, key: tuple[str, int], seen: tuple, line: str, attempts: int) -> None:
        before = self._failures.get(key)
        wait = FIRST_WAIT * 2 ** (attempts - 1) if attempts < ATTEMPTS else float("inf")
        self._failures[key] = Failure(attempts, time.monotonic() + wait, seen, seen, line)
        if before is None or before.line != line or attempts > 1:
            log.error("%s, version %d (attempt %d of %d): %s", *key, attempts, ATTEMPTS, line)
        self.catalogue.mark(*key, END, line)

    def _errors(self) -> list[str]:
        return [failure.line for _, failure in sorted(self._failures.items())]


def _is_due(failure: Failure, seen: tuple) -> bool:
    """Returns whether a version is to be tried again.

    One whose files have changed is, once they have ceased to: it was being copied, or was mended.
    """
    settled, failure.latest = seen == failure.latest, seen
    if seen != failure.tried:
        return settled
    return time.monotonic() >= failure.due


def _unforeseen(folder: Path, error: Exception) -> str:
    log.error("%s", folder, exc_info=error)
    return f"{folder} can't be loaded: {type(error).__name__}: {one_line(str(error))}"


def _warm_up(model: Model, folder: Path) -> None:
    try:
        model.warm_up(read_warmup(folder))
    except ServingError as error:
        model.close()
        raise ServingError(f"{folder}: {error}") from error


def _stamp(folder: Path) -> tuple:
    """Returns what changes when any file of a version is copied on or mended."""
    stamps = []
    for path in itertools.islice(folder.rglob("*"), MOST_FILES):
        try:
            found = path.lstat()
        except OSError:  # it has gone
            continue
        stamps.append((os.fspath(path), found.st_size, found.st_mtime_ns, found.st_ino))
    return tuple(sorted(stamps))
