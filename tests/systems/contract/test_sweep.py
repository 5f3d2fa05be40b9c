"""What holds for a sweep over every system's options."""

from __future__ import annotations

import math

from kavc.tuning.run import run_sweep
from kavc.tuning.settings import SweepSettings


def test_a_sweep_of_two_trials_begins_with_the_config_and_ranks_them(small, tmp_path):
    """Longer than ten seconds: each trial is a training, whose graphs are traced."""
    settings = SweepSettings(
        small.system.name,
        str(small.source),
        preset=small.preset,
        set=small.overrides,
        tuner="random",
        trials=2,
    )
    sweep = run_sweep(settings, tmp_path / "sweep")
    first, second = sweep.trials
    assert first.options == small.config.to_dict() != second.options
    assert all(trial.reason is None and math.isfinite(trial.score) for trial in sweep.trials)
    best = {"min": min, "max": max}[sweep.direction](first.score, second.score)
    assert sweep.best.score == best
    assert sweep.frame()["score"].tolist() == [first.score, second.score]
