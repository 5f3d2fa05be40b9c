"""Trains one trial, and turns what goes wrong in it into a reason."""

from __future__ import annotations

import dataclasses
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import tensorflow as tf

from kavc.errors import ConfigError, KavcError, unknown
from kavc.systems.base import Stage
from kavc.training.callbacks import Diverged
from kavc.training.checkpoint import FitState
from kavc.tuning.hypermodel import SystemHyperModel
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import COMPLETED, FAILED, Trial
from kavc.tuning.trial_fit import TrialFit

MOST_ATTEMPTS = 2
DIED = f"the process died in this trial, {MOST_ATTEMPTS} times"
LONGEST_REASON = 300
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class SweepError(ConfigError):
    """The sweep can't go on: its first trial fails for what all others have too, or many do."""


class OverTime(KavcError):
    """A trial takes longer than it may."""


class Died(KavcError):
    """The process of a trial died, more than once."""


class OutOfTime(BaseException):
    """The sweep's time is up. No `Exception`: the running trial has not failed."""


# What a trial may fail of without any other one failing of it.
OWN_FAULTS = (Diverged, OverTime, Died, MemoryError, tf.errors.ResourceExhaustedError)


@dataclasses.dataclass(frozen=True)
class Limits:
    """How long a sweep may take; not part of what decides it.

    Args:
        minutes: of the sweep, in this process. At its end the running trial is stopped after its
            epoch and discarded: a sweep that is resumed begins it anew.
        trial_minutes: of a trial, which has failed after the first epoch that ends later.
        began: since when `minutes` are counted, by `time.monotonic`, as a command counts what it
            imports and reads, too; None for the beginning of `run_sweep`.

    Example:
        run_sweep(settings, "sweeps/ti-avc", limits=Limits(minutes=120, trial_minutes=10))
    """

    minutes: float = math.inf
    trial_minutes: float = math.inf
    began: float | None = None


class Listener:
    """Is told how a sweep goes. Does nothing: override what is of interest.

    Example:
        class Counted(Listener):
            def on_trial_end(self, trial):
                print(trial.number, trial.score)

        run_sweep(settings, "sweeps/ti-avc", listener=Counted())
    """

    def on_sweep_begin(self, sweep: Sweep) -> None:
        """The folder is there, with the trials of an earlier process if it goes on."""

    def on_trial_begin(self, trial: Trial) -> None:
        """A trial begins."""

    def on_epoch_end(self, trial: Trial, stage: Stage, state: FitState) -> None:
        """An epoch of a trial has ended."""

    def on_trial_end(self, trial: Trial) -> None:
        """A trial has ended and is recorded."""


class TrialRunner:
    """Trains trials, one after another.

    Args:
        hypermodel: what is tuned.
        objective: name of the logged value that is a trial's score.
        limits: how long a trial may take.
        listener: is told of epochs.
        check: called after each epoch but the last; what it raises, if no `Exception`, ends the
            trial without having failed.
        folder: for what trials leave on the disk meanwhile; the system's temporary one, if None.
    """

    def __init__(
        self,
        hypermodel: SystemHyperModel,
        objective: str,
        *,
        limits: Limits,
        listener: Listener,
        check: Callable[[], None],
        folder: Path | None = None,
    ):
        self.hypermodel = hypermodel
        self.objective = objective
        self.limits = limits
        self.listener = listener
        self.check = check
        self.folder = folder

    def run(self, hp: keras_tuner.HyperParameters, begun: Trial) -> Trial:
        """Trains a trial; returns the record of its success or of its failure.

        Args:
            hp: the point of the space.
            begun: its record as it stands.

        Raises:
            SweepError: the sweep can't go on.
        """
        keras.backend.clear_session()
        began = time.monotonic()
        fit: TrialFit | None = None
        try:
            if begun.attempts > MOST_ATTEMPTS:
                raise Died(DIED)
            network = self.hypermodel.build(hp)
            fit = self._fit(hp, begun, began)
            fit.run(network)
            ending: dict[str, Any] = {
                "status": COMPLETED,
                "score": fit.logs()[self.objective],
            }
        except SweepError:
            raise
        except Exception as error:
            ending = {"status": FAILED, "reason": reason_of(error)}
            if begun.number == 1 and not isinstance(error, OWN_FAULTS):
                raise SweepError(f"the first trial fails: {reason_of(error)}") from error
        ending |= fit.recorded() if fit else {}
        seconds = {"fit": fit.seconds if fit else 0.0, "whole": time.monotonic() - began}
        return dataclasses.replace(begun, seconds=seconds, **ending)

    def _fit(self, hp: keras_tuner.HyperParameters, begun: Trial, began: float) -> TrialFit:
        def after_epoch(stage: Stage, state: FitState) -> None:
            if stage is fit.stages[-1]:
                self._check_objective(state.history[-1])
            self._tell(begun, stage, state)
            if fit.is_last_epoch(stage, state):
                return
            self.check()
            minutes = minutes_since(began)
            if minutes >= self.limits.trial_minutes:
                raise OverTime(
                    f"over time: {minutes:.1f} minutes after epoch {state.epoch} of stage "
                    f"{stage.name!r}; {self.limits.trial_minutes:g} are allowed"
                )

        config = self.hypermodel.config(hp)
        fit = self.hypermodel.trial_fit(
            config, budget=begun.budget, after_epoch=after_epoch, folder=self.folder
        )
        return fit

    def _tell(self, begun: Trial, stage: Stage, state: FitState) -> None:
        """A listener that can't go on, with a full disk for instance, is no trial's fault."""
        try:
            self.listener.on_epoch_end(begun, stage, state)
        except Exception as error:
            raise SweepError(f"progress can't be told: {reason_of(error)}") from error

    def _check_objective(self, logs: dict[str, float]) -> None:
        name = self.objective
        if name not in logs:
            raise SweepError(f"{unknown('objective', name, logs)}, as the last stage reports")


def minutes_since(began: float) -> float:
    """Returns how long ago a time of the monotonic clock was."""
    return (time.monotonic() - began) / 60


def reason_of(error: Exception) -> str:
    """Returns why a trial failed, in one line.

    >>> reason_of(ValueError("no  such axis")), reason_of(MemoryError("8 GiB"))
    ('ValueError: no such axis', 'out of memory: 8 GiB')
    >>> reason_of(ConfigError("kernel_size is larger than frames"))
    'kernel_size is larger than frames'
    """
    text = " ".join(COLOURS.sub("", str(error)).split())
    text = "".join(each if each.isprintable() else "?" for each in text)
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        text = f"out of memory: {text}"
    elif not isinstance(error, KavcError):
        text = f"{type(error).__name__}: {text}"
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 3] + "..."
