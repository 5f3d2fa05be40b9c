"""The trials of a shared sweep: proposed by its oracle, and queued again if nobody ended them.

KerasTuner queues a trial again only when it fails or when the oracle is loaded. Here it may also be
taken from a worker, given back to it, and tried again though it had failed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras_tuner

from kavc.inputs.json_files import read_json
from kavc.inputs.records import entries
from kavc.tuning.distribute.messages import ALONE
from kavc.tuning.trial import RECORD, Trial
from kavc.tuning.tuner import SweepTuner

STATUS = keras_tuner.engine.trial.TrialStatus


class TrialQueue:
    """Gives trials out and takes them back; its callers take turns.

    Args:
        tuner: of the sweep; its oracle proposes.

    Attributes:
        is_exhausted: whether the oracle has said that there are no more trials.
    """

    def __init__(self, tuner: SweepTuner):
        self.tuner = tuner
        self.oracle: Any = tuner.oracle
        self.is_exhausted = False

    def begin(self, worker: str) -> Trial | None:
        """Returns the record of a trial for a worker, or None: there is none, or none for now."""
        trial = self.oracle.create_trial(worker)
        if trial.status == STATUS.RUNNING:
            return self.tuner.begin(trial)
        # While one is trained it may be lost, and begun anew.
        self.is_exhausted = trial.status == STATUS.STOPPED and not self.oracle.ongoing_trials
        return None

    def settle(self, record: Trial) -> None:
        """Keeps how a trial ended."""
        trial = self.oracle.trials[record.id]
        self.tuner.settle(trial, record)
        self.tuner.on_trial_end(trial)

    def put_back(self, begun: Trial) -> None:
        """Queues a trial again that has not ended; the oracle is not saved."""
        trial = self.oracle.trials[begun.id]
        ongoing = self.oracle.ongoing_trials
        for worker in [name for name, each in ongoing.items() if each is trial]:
            del ongoing[worker]
        self.oracle._retry_queue.append(begun.id)

    def reopen(self, begun: Trial) -> None:
        """Queues a trial again that has failed, as it was before; the oracle's file comes first.

        Killed in between, the oracle has it in its queue, where a trial's own files say nothing.
        """
        trial = self.oracle.trials[begun.id]
        trial.status, trial.message = STATUS.RUNNING, None
        self.oracle.end_order.remove(begun.id)
        self.oracle._run_times[begun.id] -= 1
        self.oracle._retry_queue.append(begun.id)
        self.oracle.save()
        self.oracle._save_trial(trial)
        begun.write(self.tuner.folder_of(begun.id))

    def take_up(self, worker: str, trial_id: str | None) -> Trial | None:
        """Returns the record of a trial that a worker still trains, if nobody has it by now."""
        waiting = self.oracle._retry_queue
        if trial_id is None or trial_id not in waiting:
            return None
        waiting.remove(trial_id)
        self.oracle.ongoing_trials[worker] = self.oracle.trials[trial_id]
        return Trial.read(self.tuner.folder_of(trial_id))

    def left_behind(self) -> dict[str, Trial]:
        """Returns by worker what those of an earlier chief may still train, taken up for them."""
        state = Path(self.oracle._get_oracle_fname())
        if not state.exists():
            return {}
        found = {}
        ongoing = entries(read_json(state), {"ongoing_trials": dict[str, str]}, state)
        for worker, trial_id in ongoing["ongoing_trials"].items():
            has_record = (self.tuner.folder_of(trial_id) / RECORD).exists()
            if worker != ALONE and has_record:
                begun = self.take_up(worker, trial_id)
                if begun is not None:
                    found[worker] = begun
        return found
