"""The fit of a trial: the stages of one configuration, in memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from kavc.systems.base import Stage
from kavc.training.checkpoint import BestInMemory, FitState
from kavc.training.examples import Examples
from kavc.training.stages import AfterEpoch, Fits


class TrialFit:
    """The stages of one configuration, from scratch, in memory: no run folder.

    What it ends with is a function of (config, seed, budget), bit for bit on a CPU, if the network
    was built right after `keras.utils.set_random_seed(seed)`.

    Args:
        examples: of the system and its data.
        config: the configuration.
        seed: of the data, and of every generator of random numbers at each epoch.
        share: of each stage's epochs, of which at least one is run.
        patience: epochs without improvement after which a stage stops. None for the stage's own,
            or else a quarter of its epochs.
        after_epoch: called after each epoch; what it raises ends the fit.
        callbacks: called at the last stage's epochs, with the network as their model.
        folder: for what stages prepare, in a temporary folder; the system's, if None.

    Attributes:
        states: stage name to where its fit stands, also of a fit that ended in an error.
        seconds: spent in Keras' `fit`.

    Example:
        fit = TrialFit(examples, config, seed=0, share=0.5)
        fit.run(system.build(config))
        print(fit.logs())
    """

    def __init__(
        self,
        examples: Examples,
        config: Any,
        *,
        seed: int,
        share: float = 1.0,
        patience: int | None = None,
        after_epoch: AfterEpoch = lambda stage, state: None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        folder: Path | None = None,
    ):
        self.examples = examples
        self.config = config
        self.seed = seed
        self.stages = examples.system.stages(config)
        self.after_epoch = after_epoch
        self.callbacks = callbacks
        self.folder = folder
        self.states: dict[str, FitState] = {}
        self._clock = Stopwatch()
        for stage in self.stages:
            stage.epochs = max(1, round(stage.epochs * share))
            stage.patience = patience or stage.patience or max(1, stage.epochs // 4)

    @property
    def seconds(self) -> float:
        return self._clock.seconds

    def run(self, network: keras.Model) -> None:
        """Runs all stages; leaves the best epoch's weights in `network`."""
        last = self.stages[-1]

        def callbacks(stage: Stage) -> list[keras.callbacks.Callback]:
            relayed = [Relay(network, self.callbacks)] if stage is last and self.callbacks else []
            return [self._clock, *relayed]

        with tempfile.TemporaryDirectory(prefix=".partial-trial-", dir=self.folder) as folder:
            fits = Fits(
                load=lambda stage, split: self.examples.load(stage, split, self.config),
                artefacts=Path(folder),
                checkpoints=lambda stage: BestInMemory(),
                seed=self.seed,
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
