"""What a sweep tells of itself: a line for each trial that ends, and how far all of them are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from kavc import progress
from kavc.systems.base import Stage
from kavc.training.checkpoint import FitState
from kavc.tuning.sweep import Sweep, best_of
from kavc.tuning.trial import COMPLETED, FAILED, Trial
from kavc.tuning.tuner import Listener

LONGEST = 160


class Progress(Listener):
    """Tells of a sweep, whose task counts the epochs of the trials that have ended.

    Args:
        task: of all planned epochs.
        listener: is told, too.
    """

    def __init__(self, task: progress.Task, listener: Listener) -> None:
        self.task = task
        self.listener = listener

    def on_sweep_begin(self, sweep: Sweep) -> None:
        self.listener.on_sweep_begin(sweep)
        self.sweep = sweep
        self.planned = sweep.described["planned"]["trials"]
        self.ended = _ended(sweep)
        progress.say(f"{self.planned} trials, epochs of each at most: {sweep.described['epochs']}")
        if sweep.moved:
            leaves_out = "the space leaves the preset out: the first trial has"
            progress.say(f"{leaves_out} {listed(sweep.moved)}")
        if self.ended:
            progress.say(f"goes on after {len(self.ended)} of {self.planned} trials")

    def on_trial_begin(self, trial: Trial) -> None:
        self.listener.on_trial_begin(trial)
        self.task.at = f"trial {trial.number} of {self.planned}"

    def on_epoch_end(self, trial: Trial, stage: Stage, state: FitState) -> None:
        self.listener.on_epoch_end(trial, stage, state)

    def on_trial_end(self, trial: Trial) -> None:
        self.listener.on_trial_end(trial)
        self.ended.append(trial)
        name = self.sweep.objective
        result = f"failed: {trial.reason}" if trial.score is None else f"{name} {trial.score:.4f}"
        full = trial.budget == self.sweep.described["epochs"]
        changed = changes(trial) + ("" if full else f", {trial.budget} epochs")
        line = f"[{trial.number}/{self.planned}] {result} ({changed})"
        if best := best_of(self.ended, self.sweep.direction):
            self.task.note = f"best {name} {best.score:.4f}, trial {best.number}"
            line += f"; best {best.score:.4f}, trial {best.number}"
        progress.say(line)
        self.task.reach(_epochs(self.ended))


@contextlib.contextmanager
def told(sweep: Sweep, listener: Listener) -> Iterator[Progress]:
    """Yields what tells of a sweep, and a listener beside it, while it runs."""
    task = progress.task(
        "sweep",
        unit="epochs",
        total=sweep.described["planned"]["epochs"],
        done=_epochs(_ended(sweep)),
    )
    with task as one:
        yield Progress(one, listener)


def _ended(sweep: Sweep) -> list[Trial]:
    return [trial for trial in sweep.trials if trial.status in (COMPLETED, FAILED)]


def _epochs(trials: list[Trial]) -> int:
    return sum(trial.budget for trial in trials)


def changes(trial: Trial) -> str:
    """Returns what a trial changes from the first one, in one line.

    >>> facts = {"id": "0", "number": 1, "status": "completed", "seed": 0, "budget": 10}
    >>> first = Trial(**facts, values={}, options={}, changed={})
    >>> changes(first), changes(Trial(**facts, values={}, options={}, changed={"units": 64}))
    ('as the first trial', 'units=64')
    """
    return listed(trial.changed) or "as the first trial"


def listed(options: Mapping[str, Any]) -> str:
    """Returns options and their values, in one line.

    >>> listed({"units": 64, "dropout": 0.123456})
    'units=64, dropout=0.1235'
    """
    text = ", ".join(f"{name}={_short(value)}" for name, value in options.items())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
