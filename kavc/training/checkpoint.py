"""Checkpoints from which a killed fit goes on to the very same weights.

What Keras' own back-up leaves out is kept here too: the seeds' states, the epoch of the data,
early stopping's counters and the history. A checkpoint is a folder that appears by one rename, so
there is no moment without a whole one, and no name is ever written twice.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kavc.errors import DataError
from kavc.files import whole_folder, write_json, write_text
from kavc.inputs.json_files import read_json
from kavc.inputs.opening import read_text
from kavc.inputs.records import record
from kavc.training.weights import load_weights, save_weights

WEIGHTS = "model.weights.h5"
STATE = "state.json"
BEGAN = "began.txt"  # fingerprint of the weights that the stage began with
MAX_BEGAN = 4096


@dataclass
class FitState:
    """Where a fit stands after an epoch.

    Args:
        epoch: number of epochs that are done.
        best: best value of the monitored quantity so far.
        best_epoch: number of the epoch, from 1, that reached it; 0 before the first.
        wait: epochs since then.
        stopped: whether the fit has ended.
        history: one dict of logged values an epoch.
    """

    epoch: int = 0
    best: float | None = None
    best_epoch: int = 0
    wait: int = 0
    stopped: bool = False
    history: list[dict[str, float]] = field(default_factory=list)


class Checkpoints:
    """The checkpoints of one stage: `epoch-0001`, ..., and `final` with the network's weights.

    Args:
        folder: where they lie, `RUN/checkpoints/STAGE`.

    Example:
        >>> import tempfile
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     checkpoints = Checkpoints(Path(folder, "theme"))
        ...     before = checkpoints.ended
        ...     checkpoints.save_final(network, FitState(epoch=3, stopped=True))
        ...     before, checkpoints.ended, checkpoints.final_state().epoch
        (False, True, 3)
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self._weights = ""

    @property
    def final(self) -> Path:
        """The network's weights at the end of the stage; a file that may not be there yet."""
        return self.folder / "final" / WEIGHTS

    @property
    def ended(self) -> bool:
        """Whether the stage has ended."""
        return self.final.exists()

    def begin(self, weights: str) -> None:
        """Says with which weights of an earlier stage this one begins; epochs of others go.

        Not of fresh ones: another device may draw them otherwise in their last bits.

        Args:
            weights: their fingerprint.
        """
        self._weights = weights
        for epoch in sorted(self.folder.glob("epoch-*")):
            began = epoch / BEGAN
            if began.is_file() and read_text(began, most=MAX_BEGAN).strip() != weights:
                shutil.rmtree(epoch)

    def save(self, model: keras.Model, state: FitState) -> None:
        """Writes weights, optimizer and state of an epoch; drops those no longer needed."""
        with whole_folder(self._epoch(state.epoch)) as temporary:
            save_weights(model, temporary / WEIGHTS)
            write_json(temporary / STATE, asdict(state))
            write_text(temporary / BEGAN, f"{self._weights}\n")
        for old in self.folder.glob("epoch-*"):
            if old not in (self._epoch(state.epoch), self._epoch(state.best_epoch)):
                shutil.rmtree(old)

    def restore(self, model: keras.Model) -> FitState:
        """Loads the latest checkpoint into a compiled model; returns its state.

        Returns:
            A fresh state if there is no checkpoint yet.
        """
        epochs = sorted(self.folder.glob("epoch-*"))
        if not epochs:
            return FitState()
        state = _read_state(epochs[-1] / STATE)
        model.optimizer.build(model.trainable_variables)
        self._load(model, epochs[-1] / WEIGHTS)
        return state

    def load_epoch(self, model: keras.Model, epoch: int) -> None:
        """Loads the weights of one epoch, from 1."""
        self._load(model, self._epoch(epoch) / WEIGHTS)

    def save_final(self, network: keras.Model, state: FitState) -> None:
        """Writes the network's weights at the end of the stage; epochs' checkpoints go."""
        with whole_folder(self.final.parent) as temporary:
            save_weights(network, temporary / WEIGHTS)
            write_json(temporary / STATE, asdict(state))
        for old in self.folder.glob("epoch-*"):
            shutil.rmtree(old)

    def load_final(self, network: keras.Model) -> FitState:
        """Loads the network's weights of a stage that has ended; returns its last state."""
        self._load(network, self.final)
        return self.final_state()

    def final_state(self) -> FitState:
        """Returns the last state of a stage that has ended."""
        return _read_state(self.final.parent / STATE)

    def _epoch(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:04d}"

    @staticmethod
    def _load(model: keras.Model, path: Path) -> None:
        try:
            load_weights(model, path)
        except DataError as error:
            raise DataError(
                f"{error}; remove the folder {path.parent.parent} to train this stage again"
            ) from None


class BestInMemory:
    """What `Checkpoints` is to a run, for a fit that nobody resumes: nothing is written.

    Only the best epoch and the end of the stage are kept, in memory.

    >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> kept = BestInMemory()
    >>> kept.save_final(network, FitState(epoch=3))
    >>> network.set_weights([np.ones((2, 1)), np.ones(1)])
    >>> kept.load_final(network).epoch, network.get_weights()[1].tolist()
    (3, [0.0])
    """

    ended = False

    def __init__(self) -> None:
        self._best: list[np.ndarray] = []
        self._final: tuple[list[np.ndarray], FitState]

    def begin(self, weights: str) -> None:
        """Does nothing: nothing is found that was begun otherwise."""

    def save(self, model: keras.Model, state: FitState) -> None:
        """Keeps weights and optimizer, whose averages may be asked for, of the best epoch."""
        if state.epoch == state.best_epoch:
            self._best = [variable.numpy() for variable in _variables(model)]

    def restore(self, model: keras.Model) -> FitState:
        """Returns a fresh state."""
        return FitState()

    def load_epoch(self, model: keras.Model, epoch: int) -> None:
        """Puts the best epoch back into the model that was saved."""
        del epoch
        for variable, value in zip(_variables(model), self._best, strict=True):
            variable.assign(value)
        self._best = []

    def save_final(self, network: keras.Model, state: FitState) -> None:
        """Keeps the network's weights at the end of the stage."""
        self._final = network.get_weights(), state

    def load_final(self, network: keras.Model) -> FitState:
        """Puts the network's weights at the end of the stage back; returns the last state."""
        weights, state = self._final
        network.set_weights(weights)
        return state


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _read_state(path: Path) -> FitState:
    try:
        return record(FitState, read_json(path), path)
    except DataError as error:
        raise DataError(
            f"{error}; remove the folder {path.parent.parent} to train this stage again"
        ) from None


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Sets every seed generator of a model to a state that (seed, epoch) alone decides.

    Args:
        model: built model. Its generators are numbered in the order of `model.variables`.
        seed: the run's seed.
        epoch: from 0.

    Example:
        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.5)])
        >>> drawn = []
        >>> for epoch in (3, 3, 4):
        ...     reseed(model, seed=0, epoch=epoch)
        ...     drawn.append(model(np.ones((1, 8)), training=True).numpy().tolist())
        >>> drawn[0] == drawn[1], drawn[0] == drawn[2]
        (True, False)
    """
    states: list[Any] = [v for v in model.variables if v.name == "seed_generator_state"]
    for number, state in enumerate(states):
        state.assign([(seed * 1_000_003 + number) % 2**32, epoch])
