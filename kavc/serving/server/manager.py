"""Keeps a catalogue in step with a folder of models: the highest version that loads is served.

A new version is loaded and warmed up before the old one is withdrawn. One that can't be loaded
leaves the old one where it is, shows its error in the status, and is tried again a few times, and
whenever a file of it has changed. Each model has a thread of its own for this: whatever happens
with one, the others roll on.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from kavc.errors import ServingError
from kavc.serving.server.catalogue import END, LOADING, Catalogue
from kavc.serving.server.failures import Failures, stamp
from kavc.serving.server.loading import Worker
from kavc.serving.server.memory import release_memory
from kavc.serving.server.model import Model
from kavc.serving.versions import holds_graph, model_folders, named_folders, numbered_folders
from kavc.serving.warmup import read_warmup
from kavc.texts import one_line

log = logging.getLogger(__name__)
LOOK = 0.05  # seconds between looks at whether loads that are waited for have ended
BEGINNING = 1.0  # seconds that a thread may take to begin
WATCHED = 20  # the highest versions of a model that failed, which are tried again

Load = Callable[..., Model]


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

    Example:
        manager = VersionManager("models", catalogue)
        manager.load_all()
        manager.start(poll_seconds=1.0)
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
        self._failures = Failures()
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
        self.poll(self._seconds + BEGINNING, until=until)
        self._abandon()
        if not self.catalogue.names() and not until():
            late = f"{self.models_dir}: no model did load within {self._seconds:g} s"
            raise ServingError(next(iter(self._failures.lines()), late))

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
        try:
            folders = named_folders(self.models_dir)
        except OSError as error:
            why = f"can't be listed ({error.strerror})"
            log.warning("%s: %s; what is loaded is served on", self.models_dir, why)
            return
        for name in sorted({*folders, *self.catalogue.names()}):
            self._begin(name, self.models_dir / name)
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
        """Begins to load no more, and ends what is being loaded; nothing is offered after that.

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

    def _begin(self, name: str, folder: Path) -> None:
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
            version = worker.abandon_late(self._seconds)
            if version is not None:
                self._lost[name, version] = self._workers.pop(name)
                folder = self.models_dir / name / str(version)
                line = f"{folder}: did not load within {self._seconds:g} s"
                self._failed(name, version, worker.seen, line)

    def _follow(self, worker: Worker, name: str, folder: Path) -> None:
        try:
            self._step(worker, name, numbered_folders(folder))
        except OSError as error:  # for this moment; what is loaded is served on
            log.debug("%s: can't be listed (%s)", folder, error.strerror)
        except Exception:
            log.exception("looking for versions of %s failed", name)

    def _step(self, worker: Worker, name: str, found: dict[int, Path]) -> None:
        """Serves the highest version of one model that loads, and no other.

        Of those that failed only the highest few are looked at again; what lies below them is
        once they are gone.
        """
        self._failures.forget_others(name, found)
        served = self.catalogue.versions(name)
        graphs = 0
        for version in sorted(found, reverse=True):
            if graphs >= WATCHED and self._failures.attempts((name, version)):
                continue
            if not holds_graph(found[version]):
                continue
            graphs += 1
            if version in served or self._try(worker, name, version, found[version]):
                self._withdraw_all_but(version, name, served)
                return
            if worker.abandoned:
                return
        if not graphs:
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
        seen = stamp(folder)
        if (name, version) in self._lost or not self._failures.due((name, version), seen):
            return False
        if not worker.begin(version, seen):
            return False
        self.catalogue.mark(name, version, LOADING)
        try:
            model = self._load(name, version, folder, opened=worker.opened)
            if self._warmup:
                _warm_up(model, folder)
        except Exception as error:
            line = str(error) if isinstance(error, ServingError) else _unforeseen(folder, error)
            worker.finish(lambda: self._failed(name, version, seen, line))
            return False
        if not worker.finish(lambda: self.catalogue.offer(model)):
            model.close()
            return False
        self._failures.forget((name, version))
        log.info("serving %s, version %d", name, version)
        self._on_change()
        return True

    def _failed(self, name: str, version: int, seen: tuple, line: str) -> None:
        self._failures.note((name, version), seen, line)
        self.catalogue.mark(name, version, END, line)


def _unforeseen(folder: Path, error: Exception) -> str:
    log.error("%s", folder, exc_info=error)
    return f"{folder} can't be loaded: {type(error).__name__}: {one_line(str(error))}"


def _warm_up(model: Model, folder: Path) -> None:
    try:
        model.warm_up(read_warmup(folder))
    except BaseException as error:
        model.close()
        if isinstance(error, ServingError):
            raise ServingError(f"{folder}: {error}") from error
        raise
