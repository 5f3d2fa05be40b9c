"""The models that are served: which versions can be asked, and how every version fares."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kavc.errors import ServingError
from kavc.serving.protos import ModelVersionStatus
from kavc.serving.server.model import Model
from kavc.texts import one_line

LOADING = ModelVersionStatus.LOADING
AVAILABLE = ModelVersionStatus.AVAILABLE
UNLOADING = ModelVersionStatus.UNLOADING
END = ModelVersionStatus.END
REMEMBERED = 20  # ended versions of a model whose fate is still told
LAST_CALLS = 300.0  # seconds that a withdrawn version has for calls which were begun before
SHOWN = 80  # bytes of a name that nobody serves
MOST_LISTED = 20  # models that a refusal names


@dataclass(frozen=True)
class VersionState:
    """How a version fares.

    Args:
        state: one of `ModelVersionStatus.State`.
        error: why it could not be loaded; empty if nothing went wrong.

    Reference:
        TensorFlow Serving, `apis/get_model_status.proto`.
    """

    state: Any
    error: str = ""


class Catalogue:
    """The models that a server answers for.

    Readers take no lock: a change replaces the table of versions as a whole.

    Example:
        catalogue.offer(Model("ti-avc", 3, "models/ti-avc/3"))
        with catalogue.lease("ti-avc") as model:
            response = model.predict(request)
    """

    def __init__(self) -> None:
        self._models: Mapping[str, Mapping[int, Model]] = {}
        self._states: dict[str, dict[int, VersionState]] = {}
        self._leaving: dict[Model, float] = {}  # since when
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def lease(self, name: str, version: int | None = None) -> Iterator[Model]:
        """Yields a version of a model, the latest by default, that lives on through the block.

        Raises:
            ServingError: NOT_FOUND.
        """
        model = self._get(name, version)
        while not model.leases.take():  # withdrawn since; the table has its successor by now
            model = self._get(name, version)
        try:
            yield model
        finally:
            model.leases.give_back()

    def offer(self, model: Model) -> None:
        """Offers a version beside those that are there."""
        with self._lock:
            versions = {**self._models.get(model.name, {}), model.version: model}
            self._models = {**self._models, model.name: versions}
        self.mark(model.name, model.version, AVAILABLE)

    def withdraw(self, name: str, version: int) -> None:
        """Offers a version no more; it is freed when the last request that holds it is answered.

        Does nothing if it isn't there.
        """
        with self._lock:
            model = self._models.get(name, {}).get(version)
            if model is None:
                return
            left = {key: other for key, other in self._models[name].items() if key != version}
            others = {key: models for key, models in self._models.items() if key != name}
            self._models = {**others, name: left} if left else others
            self._leaving[model] = time.monotonic()
        self.mark(name, version, UNLOADING)

        def free() -> None:
            with self._lock:
                self._leaving.pop(model, None)
            model.close()
            state = self.states(name).get(version)
            if state is not None and state.state == UNLOADING:  # else it has come back
                self.mark(name, version, END)

        model.leases.end(free)

    def end_calls(self, seconds: float = LAST_CALLS) -> None:
        """Ends the calls of versions that were withdrawn longer ago than that: they may hang."""
        before = time.monotonic() - seconds
        with self._lock:
            late = [model for model, since in self._leaving.items() if since <= before]
        for model in late:
            model.close()

    def end_all_calls(self) -> None:
        """Ends the calls of all versions, those that are offered too: a server's end."""
        models = [model for versions in self._models.values() for model in versions.values()]
        for model in models:
            model.close()
        self.end_calls(0.0)

    def mark(self, name: str, version: int, state: Any, error: str = "") -> None:
        """Notes how a version fares; ended ones are forgotten after a while.

        >>> catalogue = Catalogue()
        >>> catalogue.mark("ti-avc", 3, END, "no graph")
        >>> catalogue.states("ti-avc")[3].error, catalogue.names(), catalogue.known()
        ('no graph', [], ['ti-avc'])
        """
        with self._lock:
            states = self._states.setdefault(name, {})
            states.pop(version, None)  # the latest news stands last
            states[version] = VersionState(state, error)
            ended = [key for key, found in states.items() if found.state == END]
            for key in ended[:-REMEMBERED]:
                del states[key]

    def names(self) -> list[str]:
        """Returns the names of all models that can be asked."""
        return sorted(self._models)

    def known(self) -> list[str]:
        """Returns the names of all models of which a state is told, whether they can be asked."""
        with self._lock:
            return sorted(self._states)

    def versions(self, name: str) -> list[int]:
        """Returns the versions of one model that can be asked, ascending; none if unknown."""
        return sorted(self._models.get(name, {}))

    def states(self, name: str) -> dict[int, VersionState]:
        """Returns how each version of a model fares, the highest first; empty if unknown."""
        with self._lock:
            return dict(sorted(self._states.get(name, {}).items(), reverse=True))

    def _get(self, name: str, version: int | None) -> Model:
        versions = self._models.get(name, {})
        model = versions.get(max(versions, default=0) if version is None else version)
        if model is not None:
            return model
        shown = one_line(name, SHOWN)
        which = f"Latest({shown})" if version is None else f"Specific({shown}, {version})"
        names = self.names()
        there = [f"{key} {self.versions(key)}" for key in names[:MOST_LISTED]]
        if len(names) > MOST_LISTED:
            there.append(f"and {len(names) - MOST_LISTED} more")
        raise ServingError(
            f"Servable not found for request: {which}; served here: {', '.join(there)}",
            "NOT_FOUND",
        )
