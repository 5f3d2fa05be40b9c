"""Progress of a sweep whose trials are trained side by side."""

from __future__ import annotations

import time

from kavc.tuning.progress import Progress
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import Trial


class SharedProgress(Progress):
    """Says what happens in a shared sweep: the time left follows from the trials so far."""

    def on_sweep_begin(self, sweep: Sweep) -> None:
        super().on_sweep_begin(sweep)
        self.before = len(self.ended)

    def on_trial_end(self, trial: Trial) -> None:
        # One that another worker was to try again may have ended before.
        self.ended = [each for each in self.ended if each.number != trial.number]
        super().on_trial_end(trial)

    def seconds_left(self) -> float:
        """Returns what the trials to come take if all workers go on as they do."""
        here = sum(trial.budget for trial in self.ended[self.before :])
        all_epochs = sum(trial.budget for trial in self.ended)
        left = max(0, self.planned["epochs"] - all_epochs)
        return (time.monotonic() - self.began) / here * left
