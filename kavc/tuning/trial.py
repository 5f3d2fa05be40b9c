"""One trial of a sweep: its fit, and the record that it leaves.

`SWEEP/trial_ID/history.json`, beside KerasTuner's `trial.json`, is the record as a JSON object with
the fields of `Trial`. It is written when a trial begins and when it ends, whole each time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from kavc.errors import DataError
from kavc.files import read_json, write_json
from kavc.systems.base import Stage
from kavc.training.checkpoint import BestInMemory, FitState
from kavc.training.fit import AfterEpoch, Fits

if TYPE_CHECKING:
    from kavc.tuning.hypermodel import SystemHyperModel

RECORD = "history.json"
RUNNING, COMPLETED, FAILED = "running", "completed", "failed"


@dataclass(frozen=True)
class Trial:
    """A trial's record.

    Args:
        id: KerasTuner's, the name of its folder after "trial_".
        number: from 1, in the order in which trials begin.
        status: "running" (or its process died), "completed" or "failed".
        values: what the sweep chose, by name of the parameter; what is inactive is missing.
        options: every option of the config.
        changed: the options that differ from those of the first trial.
        seed: of weights, data and dropout; the sweep's.
        budget: epochs of the last stage; the other stages have their share.
        attempts: how often the trial was begun and its process not ended in good order.
        score: the objective at the epoch that the last stage ends on; None if it has none.
        best_epoch: stage to the number of its best epoch, from 1.
        reason: why it failed, in one line.
        seconds: "fit", in Keras' `fit` of all stages, and "whole".
        curve: stage to one dict of logged values an epoch; of a trial that failed, of the epochs
            before it did.
    """

    id: str
    number: int
    status: str
    values: Mapping[str, Any]
    options: Mapping[str, Any]
    changed: Mapping[str, Any]
    seed: int
    budget: int
    attempts: int = 1
    score: float | None = None
    best_epoch: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    curve: Mapping[str, Sequence[Mapping[str, float]]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Trial:
        """Reads the record in a trial's folder.

        Raises:
            DataError: there is none, or it is damaged.
        """
        found = read_json(folder / RECORD)
        if not isinstance(found, dict) or set(found) != {each.name for each in fields(cls)}:
            raise DataError(f"{folder / RECORD}: not the record of a trial")
        return cls(**found)

    def write(self, folder: Path) -> None:
        """Writes the record into a trial's folder."""
        write_json(folder / RECORD, asdict(self))


class TrialFit:
    """The stages of one configuration, from scratch, in memory: no run folder.

    What it ends with is a function of (config, seed, budget), bit for bit on a CPU, if the network
    was built right after `keras.utils.set_random_seed(seed)`.

    Args:
        hypermodel: gives system, data, seed and patience.
        config: the configuration.
        budget: epochs of the last stage; every stage's are scaled alike, to at least one. None
            for as many as the config has.
        after_epoch: called after each epoch; what it raises ends the fit.
        callbacks: called at the last stage's epochs, with the network as their model.
        folder: for what stages prepare, in a temporary folder; the system's, if None.

    Attributes:
        states: stage name to where its fit stands, also of a fit that ended in an error.
        seconds: spent in Keras' `fit`.
    """

    def __init__(
        self,
        hypermodel: SystemHyperModel,
        config: Any,
        *,
        budget: int | None = None,
        after_epoch: AfterEpoch = lambda stage, state: None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        folder: Path | None = None,
    ):
        self.hypermodel = hypermodel
        self.config = config
        self.stages = hypermodel.system.stages(config)
        self.after_epoch = after_epoch
        self.callbacks = callbacks
        self.folder = folder
        self.states: dict[str, FitState] = {}
        self._clock = Stopwatch()
        share = 1.0 if budget is None else budget / hypermodel.epochs
        for stage in self.stages:
            stage.epochs = max(1, round(stage.epochs * share))
            stage.patience = hypermodel.patience or stage.patience or max(1, stage.epochs // 4)

    @property
    def seconds(self) -> float:
        return self._clock.seconds

    def run(self, network: keras.Model) -> None:
        """Runs all stages; leaves the best epoch's weights in `network`."""
        examples, last = self.hypermodel.examples, self.stages[-1]

        def callbacks(stage: Stage) -> list[keras.callbacks.Callback]:
            relayed = [Relay(network, self.callbacks)] if stage is last and self.callbacks else []
            return [self._clock, *relayed]

        with tempfile.TemporaryDirectory(prefix=".partial-trial-", dir=self.folder) as folder:
            fits = Fits(
                load=lambda stage, split: examples.load(stage, split, self.config),
                artefacts=Path(folder),
                checkpoints=lambda stage: BestInMemory(),
                seed=self.hypermodel.seed,
                after_epoch=self.after_epoch,
                callbacks=callbacks,
            )
            self.states = fits.states
            fits.run(network, self.stages)

    def is_last_epoch(self, stage: Stage, state: FitState) -> bool:
        """Whether nothing comes after this epoch."""
        return stage is self.stages[-1] and state.stopped

    def logs(self) -> dict[str, float]:
        """Returns what was logged at the epoch that the last stage ends on."""
        last = self.stages[-1]
        state = self.states[last.name]
        return dict(state.history[state.best_epoch - 1 if last.restore_best else -1])

    def recorded(self) -> dict[str, Any]:
        """Returns the fields of `Trial` that say how the fit went."""
        return {
            "best_epoch": {name: state.best_epoch for name, state in self.states.items()},
            "curve": {
                name: [dict(logs) for logs in state.history] for name, state in self.states.items()
            },
        }


class Stopwatch(keras.callbacks.Callback):
    """Adds up the seconds from the beginning to the end, or the last epoch, of each fit."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._before, self._began = self.seconds, time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.seconds = self._before + time.monotonic() - self._began

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.seconds = self._before + time.monotonic() - self._began


class Relay(keras.callbacks.Callback):
    """Tells callbacks of a fit's epochs as if the network were what is trained.

    Args:
        network: their model, whose attribute `stop_training` ends the fit.
        callbacks: those who are told.
    """

    def __init__(self, network: keras.Model, callbacks: Sequence[keras.callbacks.Callback]):
        super().__init__()
        self.network = network
        self.callbacks = callbacks

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.network.stop_training = False
        for callback in self.callbacks:
            callback.set_params(self.params)
            callback.set_model(self.network)
            callback.on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)
        if self.network.stop_training:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        for callback in self.callbacks:
            callback.on_train_end(logs)
