"""Runs the trials of a sweep, one after another, whatever oracle proposes them."""

from __future__ import annotations

import dataclasses
import math
import re
import time
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import tensorflow as tf

from kavc.errors import ConfigError, DataError, KavcError, unknown
from kavc.files import write_json
from kavc.systems.base import Stage
from kavc.training.callbacks import Diverged
from kavc.training.checkpoint import FitState
from kavc.tuning.hypermodel import SystemHyperModel
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import COMPLETED, FAILED, RECORD, RUNNING, Trial, TrialFit

MOST_ATTEMPTS = 2
MOST_FAILURES = 10
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
    """

    minutes: float = math.inf
    trial_minutes: float = math.inf


class Listener:
    """Is told how a sweep goes. Does nothing: override what is of interest."""

    def on_sweep_begin(self, sweep: Sweep) -> None:
        """The folder is there, with the trials of an earlier process if it goes on."""

    def on_trial_begin(self, trial: Trial) -> None:
        """A trial begins."""

    def on_epoch_end(self, trial: Trial, stage: Stage, state: FitState) -> None:
        """An epoch of a trial has ended."""

    def on_trial_end(self, trial: Trial) -> None:
        """A trial has ended and is recorded."""


class SweepTuner(keras_tuner.Tuner):
    """Trains what an oracle proposes and leaves a record of each trial in its folder.

    No weights are kept: `kavc train` trains the winner. A trial that fails is recorded with its
    reason and the sweep goes on, but for a first trial, the preset's own configuration, that fails
    for a reason of the data or the objective, and after 10 failures in a row. A trial whose process
    died twice has failed.

    Args:
        oracle: as `make_oracle` gives it.
        hypermodel: what is tuned.
        folder: the sweep's folder; holds what KerasTuner writes, too.
        limits: how long it may take.
        listener: is told how it goes.
    """

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        hypermodel: SystemHyperModel,
        folder: Path,
        *,
        limits: Limits | None = None,
        listener: Listener | None = None,
    ):
        self.limits = limits or Limits()
        self.listener = listener or Listener()
        self.first = hypermodel.config(hypermodel.space.copy()).to_dict()
        self.began = time.monotonic()
        self.failures = 0
        folder = Path(folder).absolute()
        super().__init__(oracle, hypermodel, directory=folder.parent, project_name=folder.name)
        self.oracle.verbose = 0

    def _populate_initial_space(self) -> None:
        """The oracle knows the space from the beginning: no network is built to find it."""

    def save(self) -> None:
        if not self._is_worker():
            self.oracle.save()
        write_json(self._get_tuner_fname(), self.get_state())

    def on_search_begin(self) -> None:
        self.save()  # so that a sweep that is killed in its first trial is found again

    def pre_create_trial(self) -> None:
        self._check_time()

    def _check_time(self) -> None:
        if self._minutes_since(self.began) >= self.limits.minutes:
            raise OutOfTime

    def _try_run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        """As KerasTuner's, which prints a traceback of every trial that fails."""
        record = self.run_trial(trial)
        if record.status == FAILED:
            trial.status = keras_tuner.engine.trial.TrialStatus.FAILED
            trial.message = record.reason
            return
        self.oracle.update_trial(trial.trial_id, {self.oracle.objective.name: record.score})
        trial.status = keras_tuner.engine.trial.TrialStatus.COMPLETED

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Trial:
        """Trains a trial; returns the record of its success or of its failure.

        Raises:
            SweepError: the sweep can't go on.
        """
        keras.backend.clear_session()
        folder = Path(self.get_trial_dir(trial.trial_id))
        begun = self._begin(trial, folder)
        try:
            self.record = self._attempt(trial.hyperparameters, begun)
        except BaseException:  # interrupted, or nothing to go on with: it has not failed
            dataclasses.replace(begun, attempts=begun.attempts - 1).write(folder)
            raise
        self.record.write(folder)
        return self.record

    def on_trial_end(self, trial: Any) -> None:
        super().on_trial_end(trial)
        self.listener.on_trial_end(self.record)
        self.failures = self.failures + 1 if self.record.status == FAILED else 0
        if self.failures >= MOST_FAILURES:
            raise SweepError(
                f"{self.failures} trials in a row failed, the last one: {self.record.reason}; "
                "narrow the space, or begin with another preset"
            )

    def _begin(self, trial: Any, folder: Path) -> Trial:
        """Returns and writes the record of a trial that begins."""
        hp = trial.hyperparameters
        values = {name: value for name, value in hp.values.items() if not _is_tuners(name)}
        options = self._options(hp, values)
        begun = Trial(
            id=trial.trial_id,
            number=int(trial.trial_id) + 1,
            status=RUNNING,
            values=values,
            options=options,
            changed={name: v for name, v in options.items() if self.first.get(name) != v},
            seed=self.hypermodel.seed,
            budget=hp.values.get("tuner/epochs", self.hypermodel.epochs),
            attempts=_attempts(folder) + 1,
        )
        begun.write(folder)
        self.listener.on_trial_begin(begun)
        return begun

    def _options(self, hp: keras_tuner.HyperParameters, values: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.hypermodel.config(hp).to_dict()
        except ConfigError:  # which the trial will fail of
            return self.first | values

    def _attempt(self, hp: keras_tuner.HyperParameters, begun: Trial) -> Trial:
        """Trains a trial; returns the record of its success or of its failure."""
        began = time.monotonic()
        fit: TrialFit | None = None
        try:
            if begun.attempts > MOST_ATTEMPTS:
                raise Died(f"the process died in this trial, {MOST_ATTEMPTS} times")
            network = self.hypermodel.build(hp)
            fit = self._fit(hp, begun, began)
            fit.run(network)
            ending: dict[str, Any] = {
                "status": COMPLETED,
                "score": fit.logs()[self.oracle.objective.name],
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
            self.listener.on_epoch_end(begun, stage, state)
            if fit.is_last_epoch(stage, state):
                return
            self._check_time()
            minutes = self._minutes_since(began)
            if minutes >= self.limits.trial_minutes:
                raise OverTime(
                    f"over time: {minutes:.1f} minutes after epoch {state.epoch} of stage "
                    f"{stage.name!r}; {self.limits.trial_minutes:g} are allowed"
                )

        config = self.hypermodel.config(hp)
        fit = TrialFit(self.hypermodel, config, budget=begun.budget, after_epoch=after_epoch)
        return fit

    def _check_objective(self, logs: dict[str, float]) -> None:
        name = self.oracle.objective.name
        if name not in logs:
            raise SweepError(f"{unknown('objective', name, logs)}, as the last stage reports")

    @staticmethod
    def _minutes_since(began: float) -> float:
        return (time.monotonic() - began) / 60


def reason_of(error: Exception) -> str:
    """Returns why a trial failed, in one line."""
    text = " ".join(COLOURS.sub("", str(error)).split())
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        text = f"out of memory: {text}"
    elif not isinstance(error, KavcError):
        text = f"{type(error).__name__}: {text}"
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 3] + "..."


def _attempts(folder: Path) -> int:
    """Returns how often the trial was begun and neither ended nor interrupted in good order."""
    if not (folder / RECORD).exists():
        return 0
    try:
        last = Trial.read(folder)
    except DataError:
        return 0
    return last.attempts if last.status == RUNNING else 0


def _is_tuners(name: str) -> bool:
    """Whether KerasTuner put a value there for itself, as Hyperband does."""
    return name.startswith("tuner/")
