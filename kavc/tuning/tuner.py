"""Runs the trials of a sweep, one after another, whatever oracle proposes them."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import keras_tuner

from kavc.errors import ConfigError, DataError
from kavc.files import write_json
from kavc.tuning.attempt import (
    Limits,
    Listener,
    OutOfTime,
    SweepError,
    TrialRunner,
    minutes_since,
)
from kavc.tuning.hypermodel import SystemHyperModel
from kavc.tuning.trial import FAILED, RECORD, RUNNING, Trial

MOST_FAILURES = 10


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
        began: when its time began to run, of the monotonic clock; now, if None.

    Example:
        with open_sweep(settings, "sweeps/ti-avc") as tuner:
            tuner.search()
    """

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        hypermodel: SystemHyperModel,
        folder: Path,
        *,
        limits: Limits | None = None,
        listener: Listener | None = None,
        began: float | None = None,
    ):
        self.limits = limits or Limits()
        self.listener = listener or Listener()
        self.first = hypermodel.config(hypermodel.space.copy()).to_dict()
        self.began = time.monotonic() if began is None else began
        self.failures = 0
        folder = Path(folder).absolute()
        self.runner = TrialRunner(
            hypermodel,
            oracle.objective.name,
            limits=self.limits,
            listener=self.listener,
            check=self.check_time,
            folder=folder,
        )
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
        self.check_time()

    def check_time(self) -> None:
        """Raises `OutOfTime` if the sweep's time is up."""
        if minutes_since(self.began) >= self.limits.minutes:
            raise OutOfTime

    def _try_run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        """As KerasTuner's, which prints a traceback of every trial that fails."""
        self.settle(trial, self.run_trial(trial))

    def settle(self, trial: Any, record: Trial) -> None:
        """Keeps the record of a trial that has ended and tells the oracle how it did."""
        record.write(self.folder_of(trial.trial_id))
        self.record = record
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
        begun = self.begin(trial)
        try:
            return self.runner.run(trial.hyperparameters, begun)
        except BaseException:  # interrupted, or nothing to go on with: it has not failed
            self.withdraw(begun)
            raise

    def withdraw(self, begun: Trial) -> None:
        """Takes back that a trial was begun: it was ended in good order, without a result."""
        untried = dataclasses.replace(begun, attempts=begun.attempts - 1)
        untried.write(self.folder_of(begun.id))

    def on_trial_end(self, trial: Any) -> None:
        super().on_trial_end(trial)
        self.listener.on_trial_end(self.record)
        self.failures = self.failures + 1 if self.record.status == FAILED else 0
        if self.failures >= MOST_FAILURES:
            raise SweepError(
                f"{self.failures} trials in a row failed, the last one: {self.record.reason}; "
                "narrow the space, or begin with another preset"
            )

    def folder_of(self, trial_id: str) -> Path:
        """Returns a trial's folder, which is there then."""
        return Path(self.get_trial_dir(trial_id))

    def begin(self, trial: Any) -> Trial:
        """Returns and writes the record of a trial that begins."""
        hp, folder = trial.hyperparameters, self.folder_of(trial.trial_id)
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
