"""Callbacks that make a fit a function of (data, config, seed), whatever interrupts it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kavc.errors import KavcError
from kavc.progress import Task
from kavc.systems.base import Stage
from kavc.training.checkpoint import BestInMemory, Checkpoints, FitState, reseed


class Diverged(KavcError):
    """A logged value is not finite."""


class EpochSeeds(keras.callbacks.Callback):
    """Before each epoch: names it to the data pipeline and resets all seed generators.

    Args:
        counter: int64 variable that the training data read when they are iterated.
        seed: the run's seed.

    Example:
        counter = tf.Variable(0, dtype=tf.int64)  # read by the data of `epochs_of`
        model.fit(data, epochs=50, callbacks=[EpochSeeds(counter, seed=0)])
    """

    def __init__(self, counter: tf.Variable, seed: int):
        super().__init__()
        self.counter = counter
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.counter.assign(epoch)
        reseed(self.model, self.seed, epoch)


class AveragedWeights(keras.callbacks.Callback):
    """From each validation to the end of its epoch, the model holds its optimizer's averages.

    So validation and the callbacks before this one see the averaged weights, those after it the
    raw ones. Keras' `SwapEMAWeights` swaps by adding and subtracting, whose rounding would change
    the weights at every validation; here they come back as they were.
    """

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.raw = [variable.numpy() for variable in self.model.trainable_variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for variable, value in zip(self.model.trainable_variables, self.raw, strict=True):
            variable.assign(value)


def averages(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether an optimizer keeps an average of the weights.

    >>> averages(keras.optimizers.Adam()), averages(keras.optimizers.Adam(use_ema=True))
    (False, True)
    """
    return getattr(optimizer, "inner_optimizer", optimizer).use_ema


class Checkpoint(keras.callbacks.Callback):
    """After each epoch: stops early if it is time, and writes a checkpoint.

    Early stopping as Keras' own (any improvement counts, `min_delta` 0), but its counters are part
    of the state, so that a resumed fit stops at the same epoch.

    Args:
        checkpoints: where to write.
        state: where the fit stands; changed in place.
        stage: gives monitor, direction, patience and the number of epochs.
        after_epoch: called with the state after each checkpoint.
    """

    def __init__(
        self,
        checkpoints: Checkpoints | BestInMemory,
        state: FitState,
        stage: Stage,
        after_epoch: Callable[[FitState], None],
    ):
        super().__init__()
        self.checkpoints = checkpoints
        self.state = state
        self.stage = stage
        self.after_epoch = after_epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {name: float(value) for name, value in (logs or {}).items()}
        self._refuse_divergence(logs, epoch + 1)
        state, stage = self.state, self.stage
        state.epoch = epoch + 1
        state.history.append(logs)
        value = logs[stage.monitor]
        sign = 1 if stage.direction == "min" else -1
        if state.best is None or sign * value < sign * state.best:
            state.best, state.best_epoch, state.wait = value, state.epoch, 0
        else:
            state.wait += 1
        patient = stage.patience is None or state.wait < stage.patience
        state.stopped = not patient or state.epoch >= stage.epochs
        if state.stopped:
            self.model.stop_training = True
        self.checkpoints.save(self.model, state)
        self.after_epoch(state)

    def _refuse_divergence(self, logs: dict[str, float], epoch: int) -> None:
        wrong = [name for name, value in logs.items() if not math.isfinite(value)]
        if wrong:
            raise Diverged(
                f"stage {self.stage.name!r} diverged: {', '.join(wrong)} is not finite after "
                f"epoch {epoch}; look at the features, or lower learning_rate"
            )
        if self.stage.monitor not in logs:
            raise KavcError(
                f"stage {self.stage.name!r} follows {self.stage.monitor!r}, which the fit does "
                f"not report; it reports {', '.join(logs)}"
            )


class Progress(keras.callbacks.Callback):
    """Tells how far a fit is, and after each epoch the values that decide; stands last.

    Args:
        task: that counts the fit's steps.
        stage: that is fitted.
        state: where the fit stands, as `Checkpoint` keeps it.
        steps: of an epoch.
    """

    def __init__(self, task: Task, stage: Stage, state: FitState, steps: int):
        super().__init__()
        self.task = task
        self.stage = stage
        self.state = state
        self.steps = steps

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.task.at = f"epoch {epoch + 1} of {self.stage.epochs}"

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # At the end of a batch Keras would wait for its logs first, if somebody asked.
        self.task.reach(self.state.epoch * self.steps + batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.task.reach(self.state.epoch * self.steps)
        self.task.tell(deciding(self.stage, self.state))


def deciding(stage: Stage, state: FitState) -> str:
    """Returns a stage's values that decide, after an epoch, in a few words.

    >>> from types import SimpleNamespace
    >>> stage = SimpleNamespace(monitor="val_loss", headline=("val_auc", "max"))
    >>> logs = {"loss": 0.3, "val_loss": 0.5, "val_auc": 0.75}
    >>> deciding(stage, FitState(epoch=1, best=0.5, best_epoch=1, history=[logs]))
    'val_loss 0.5000 (best 0.5000 at epoch 1), val_auc 0.7500'
    """
    logs = state.history[-1]
    others = [name for name, _ in [stage.headline or ("", "")] if name not in ("", stage.monitor)]
    told = [f"{stage.monitor} {logs[stage.monitor]:.4f} (best {best_so_far(state)})"]
    return ", ".join([*told, *(f"{name} {logs[name]:.4f}" for name in others if name in logs)])


def best_so_far(state: FitState) -> str:
    """Returns the best value of a fit, and its epoch.

    >>> best_so_far(FitState(epoch=3, best=0.5, best_epoch=2))
    '0.5000 at epoch 2'
    """
    return f"{state.best:.4f} at epoch {state.best_epoch}"
