"""Progress of a sweep in words: trials done, the best so far, time spent and left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from kavc.systems.base import Stage
from kavc.training.checkpoint import FitState
from kavc.tuning.sweep import Sweep, best_of
from kavc.tuning.trial import COMPLETED, FAILED, Trial
from kavc.tuning.tuner import Listener

LONGEST = 160


class Progress(Listener):
    """Says what happens in a sweep.

    Args:
        say: takes a line of text.
        after_epoch: called after each epoch of a trial, as in training.
    """

    def __init__(
        self, say: Callable[[str], None], after_epoch: Callable[[Stage, FitState], None]
    ) -> None:
        self.say = say
        self.after_epoch = after_epoch
        self.began = time.monotonic()

    def on_sweep_begin(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.planned = sweep.described["planned"]
        self.ended = [trial for trial in sweep.trials if trial.status in (COMPLETED, FAILED)]
        if sweep.moved:
            self.say(f"the space leaves the preset out: the first trial has {listed(sweep.moved)}")
        if self.ended:
            self.say(f"goes on after {len(self.ended)} of {self.planned['trials']} trials")

    def on_trial_begin(self, trial: Trial) -> None:
        epochs = (
            "" if trial.budget == self.sweep.described["epochs"] else f" ({trial.budget} epochs)"
        )
        self.say(f"[{trial.number}/{self.planned['trials']}]{epochs} {changes(trial)}")

    def on_epoch_end(self, trial: Trial, stage: Stage, state: FitState) -> None:
        self.after_epoch(stage, state)

    def on_trial_end(self, trial: Trial) -> None:
        self.ended.append(trial)
        name = self.sweep.objective
        result = f"failed: {trial.reason}" if trial.score is None else f"{name} {trial.score:.4f}"
        best = best_of(self.ended, self.sweep.direction)
        so_far = f"; best {best.score:.4f}, trial {best.number}: {changes(best)}" if best else ""
        self.say(f"[{trial.number}/{self.planned['trials']}] {result}{so_far}")
        spent = time.monotonic() - self.began
        self.say(f"  {duration(spent)} spent, about {duration(self.seconds_left())} left")

    def seconds_left(self) -> float:
        """Returns what the trials to come take if an epoch takes as long as so far."""
        seconds = sum(trial.seconds["whole"] for trial in self.ended)
        epochs = sum(trial.budget for trial in self.ended)
        return seconds / epochs * max(0, self.planned["epochs"] - epochs)


class SharedProgress(Progress):
    """As `Progress`, of trials that are trained side by side: what is left goes as they all do."""

    def on_sweep_begin(self, sweep: Sweep) -> None:
        super().on_sweep_begin(sweep)
        self.before = len(self.ended)

    def seconds_left(self) -> float:
        """Returns what the trials to come take if all processes go on as they do."""
        here = sum(trial.budget for trial in self.ended[self.before :])
        all_epochs = sum(trial.budget for trial in self.ended)
        left = max(0, self.planned["epochs"] - all_epochs)
        return (time.monotonic() - self.began) / here * left


def changes(trial: Trial) -> str:
    """Returns what a trial changes from the first one, in one line."""
    return listed(trial.changed) or "as the first trial"


def listed(options: Mapping[str, Any]) -> str:
    """Returns options and their values, in one line.

    >>> listed({"units": 64, "dropout": 0.123456})
    'units=64, dropout=0.1235'
    """
    text = ", ".join(f"{name}={_short(value)}" for name, value in options.items())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def duration(seconds: float) -> str:
    """Returns a duration in words.

    >>> duration(42), duration(130), duration(7300)
    ('42 s', '2 min', '2 h 2 min')
    """
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
