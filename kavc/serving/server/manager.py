"""Keeps a catalogue in step with a folder of models: the highest version that loads is served.

A new version is loaded and warmed up before the old one is withdrawn. One that can't be loaded
leaves the old one where it is, shows its error in the status, and is tried again a few times.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kavc.errors import ConfigError, ServingError
from kavc.serving.server.catalogue import END, LOADING, Catalogue
from kavc.serving.server.memory import release_memory
from kavc.serving.server.model import Model
from kavc.serving.versions import GRAPH, model_folders, version_folders
from kavc.serving.warmup import read_warmup

log = logging.getLogger(__name__)
ATTEMPTS = 5  # TensorFlow Serving's --max_num_load_retries
FIRST_WAIT = 1.0  # seconds before the second attempt; twice as long before each further one

Load = Callable[[str, int, Path], Model]


@dataclass(frozen=True)
class Failure:
    """A version that could not be loaded: attempts so far, and when the next is due (monotonic)."""

    attempts: int
    due: float
    seen: tuple


class VersionManager:
    """Loads, swaps and withdraws versions as they come and go in a folder.

    Args:
        models_dir: folder with NAME/VERSION/saved_model.pb.
        catalogue: what is offered.
        load: makes a model of (name, version, folder), or raises `ServingError`.
        warmup: whether a version's warm-up requests are run before it is offered.
        on_change: called after a version was offered or withdrawn.
    """

    def __init__(
        self,
        models_dir: str | os.PathLike,
        catalogue: Catalogue,
        load: Load = Model,
        *,
        warmup: bool = True,
        on_change: Callable[[], None] = lambda: None,
    ):
        self.models_dir = Path(models_dir)
        self.catalogue = catalogue
        self._load = load
        self._warmup = warmup
        self._on_change = on_change
        self._failures: dict[tuple[str, int], Failure] = {}
        self._withdrawn = False  # since the last poll
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def load_all(self) -> None:
        """Loads the highest version that can be loaded of every model.

        Raises:
            ConfigError: no model is there.
            ServingError: none can be loaded.
        """
        model_folders(self.models_dir)
        self.poll()
        if not self.catalogue.names():
            raise ServingError(next(iter(self._errors()), f"{self.models_dir}: no model loads"))

    def poll(self) -> None:
        """Brings the catalogue in step with the folder, once."""
        if self._withdrawn:  # the requests that held it have been answered by now, most likely
            self._withdrawn = False
            release_memory()
        try:
            folders = model_folders(self.models_dir)
        except ConfigError as error:
            if self.catalogue.names() and not self.models_dir.is_dir():
                log.warning("%s; what is loaded is served on", error)
                return
            folders = {}
        for name in sorted({*folders, *self.catalogue.names()}):
            self._step(name, version_folders(folders[name]) if name in folders else {})

    def start(self, poll_seconds: float) -> None:
        """Polls in a thread of its own until `stop`."""
        self._thread = threading.Thread(
            target=self._run, args=(poll_seconds,), name="kavc-versions", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, after the version that it may be loading."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, poll_seconds: float) -> None:
        while not self._stopped.wait(poll_seconds):
            try:
                self.poll()
            except Exception:  # a folder that is being changed can fail in many ways
                log.exception("looking for versions in %s failed", self.models_dir)

    def _step(self, name: str, found: dict[int, Path]) -> None:
        """Serves the highest version of one model that loads, and no other."""
        served = self.catalogue.versions(name)
        for version in sorted(found, reverse=True):
            if version in served or self._try(name, version, found[version]):
                self._withdraw_all_but(version, name, served)
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

    def _try(self, name: str, version: int, folder: Path) -> bool:
        """Loads and offers a version; returns whether that went well."""
        key, seen = (name, version), _stamp(folder)
        failure = self._failures.get(key)
        if failure is not None and failure.seen == seen and time.monotonic() < failure.due:
            return False
        self.catalogue.mark(name, version, LOADING)
        try:
            model = self._load(name, version, folder)
            if self._warmup:
                _warm_up(model, folder)
        except ServingError as error:
            attempts = failure.attempts + 1 if failure and failure.seen == seen else 1
            wait = FIRST_WAIT * 2 ** (attempts - 1) if attempts < ATTEMPTS else float("inf")
            self._failures[key] = Failure(attempts, time.monotonic() + wait, seen)
            log.error("%s, version %d (attempt %d of %d): %s", *key, attempts, ATTEMPTS, error)
            self.catalogue.mark(name, version, END, str(error))
            return False
        self._failures.pop(key, None)
        self.catalogue.offer(model)
        log.info("serving %s, version %d", name, version)
        self._on_change()
        return True

    def _errors(self) -> list[str]:
        return [
            state.error
            for name, _ in sorted(self._failures)
            for state in self.catalogue.states(name).values()
            if state.error
        ]


def _warm_up(model: Model, folder: Path) -> None:
    try:
        model.warm_up(read_warmup(folder))
    except ServingError as error:
        model.close()
        raise ServingError(f"{folder}: {error}") from error


def _stamp(folder: Path) -> tuple:
    """Returns what changes when a version is copied on or mended."""
    stamps = []
    for name in (GRAPH, "variables/variables.index"):
        try:
            found = (folder / name).stat()
        except OSError:
            stamps.append((name, 0, 0))
        else:
            stamps.append((name, found.st_size, found.st_mtime_ns))
    return tuple(stamps)
