"""A sweep's winner against what the sweep began with, on fresh seeds."""

from __future__ import annotations

import csv

import keras
import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.evaluation.headline import Headline
from kavc.evaluation.report import Report
from kavc.evaluation.spreads import spread
from kavc.training.fit import train
from kavc.training.run import Run
from kavc.tuning.contest import validation_score, verdict
from kavc.tuning.run import run_sweep
from kavc.tuning.settings import LARGEST_SEED, SweepSettings
from kavc.tuning.sweep import Sweep
from kavc.tuning.tuner import Limits
from kavc.tuning.winner import fresh_seeds, overrides_of, train_winner

FIXED = {"units": 4, "scale": 1.0, "normalized": False, "deep": 0, "groups": 1}


@pytest.fixture
def make_sweep(system, data, tmp_path):
    """A sweep over learning rates of which the second one is much better than the first."""

    def make(rates=(0.001, 0.05), seed=0, **limits):
        settings = SweepSettings(
            "small", data, tuner="grid", seed=seed, space=FIXED | {"learning_rate": list(rates)},
            set={"epochs": "3", "learning_rate": rates[0], "patience": 3},
        )  # fmt: skip
        return run_sweep(settings, tmp_path / f"sweep-{len(rates)}", limits=Limits(**limits))

    return make


def history(run):
    with (run.path / "history.csv").open() as stream:
        return [float(row["val_loss"]) for row in csv.DictReader(stream)]


def test_winner_and_start_are_trained_on_the_same_fresh_seeds(make_sweep, tmp_path, told):
    sweep = make_sweep()
    told.lines.clear()
    report = train_winner(sweep, tmp_path / "out", seeds=3)
    first, *each = told.lines
    assert first.startswith(f"winner of {sweep.path}, 3 seeds, on ")
    order = ["winner, seed 1", "start, seed 1", "winner, seed 2", "start, seed 2"]
    assert [line.partition(": ")[0] for line in each[:4]] == [
        f"[{number}/6] {which}" for number, which in enumerate(order, 1)
    ]
    runs = {
        row: [Run(tmp_path / "out" / row / f"seed-{seed}") for seed in (1, 2, 3)]
        for row in ("winner", "start")
    }
    for row, options in (("winner", sweep.best.options), ("start", sweep.described["first"])):
        assert [run.settings.seed for run in runs[row]] == [1, 2, 3]
        assert all(run.config.to_dict() == options for run in runs[row])
        assert all(run.network is not None for run in runs[row])
    # 0.05 is the preset's own learning rate
    assert runs["winner"][0].settings.overrides == {"epochs": 3, "patience": 3}
    assert runs["start"][0].settings.overrides["learning_rate"] == 0.001
    lowest = {row: np.array([min(history(run)) for run in runs[row]]) for row in runs}
    headlines = {row: [run.report.headline.value for run in runs[row]] for row in runs}
    rows = {row["configuration"]: row for row in report.table("winner").to_records()}
    for row in runs:
        assert rows[row]["validation val_loss"] == pytest.approx(lowest[row].mean())
        assert rows[row]["sd"] == pytest.approx(lowest[row].std(ddof=1))
        assert rows[row]["test mean error"] == pytest.approx(np.mean(headlines[row]))
    difference = lowest["winner"] - lowest["start"]
    assert rows["winner − start"]["validation val_loss"] == pytest.approx(difference.mean())
    assert rows["winner − start"]["sd"] == pytest.approx(difference.std(ddof=1))
    assert rows["winner − start"]["test mean error"] is None
    assert report.notes[0] == verdict("val_loss", spread(-difference))
    assert report.headline.value == pytest.approx(lowest["winner"].mean())
    assert Report.load(tmp_path / "out").to_json() == report.to_json()


class Share(keras.callbacks.Callback):
    """Logs a share, the larger, the lower the loss, as a system's monitor does."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_auc"] = 1 / (1 + 0.01 * logs["val_loss"])


@pytest.fixture
def share(small, system, monkeypatch):
    """The system compares its trials by a share, and tests one, too."""
    monkeypatch.setattr(small.SmallStage, "headline", ("val_auc", "max"))
    monkeypatch.setattr(small.SmallStage, "callbacks", lambda self, validation: [Share()])
    report = Report("small", Headline("match AUC", 78.73, "max", unit="%"))
    monkeypatch.setattr(small.SmallSystem, "evaluate", lambda self, *_: report)


def test_a_share_is_in_per_cent_beside_the_tests(share, make_sweep, tmp_path):
    sweep = make_sweep()
    report = train_winner(sweep, tmp_path / "out", seeds=2)
    fractions = {
        row: [
            max(1 / (1 + 0.01 * loss) for loss in history(Run(path)))
            for path in sorted((tmp_path / "out" / row).glob("seed-*"))
        ]
        for row in ("winner", "start")
    }
    for name in ("winner", "seeds"):
        columns = [column for column in report.table(name).columns if column.format != "d"][1:]
        assert {column.unit for column in columns} == {"%"}
        assert all("(%)" in column.label for column in columns)
    rows = {row["configuration"]: row for row in report.table("winner").to_records()}
    for row, found in fractions.items():
        assert rows[row]["validation val_auc"] == pytest.approx(100 * np.mean(found))
        assert rows[row]["sd"] == pytest.approx(100 * np.std(found, ddof=1))
        assert rows[row]["test match AUC"] == 78.73
    gain = 100 * np.mean(np.subtract(fractions["winner"], fractions["start"]))
    assert f", {gain:.2f} percentage points on average" in report.notes[0]
    assert report.headline.unit == "%"
    assert report.headline.value == pytest.approx(100 * np.mean(fractions["winner"]))
    assert report.headline.interval[1] <= 100


def test_what_is_compared_is_what_the_sweep_scored(make_sweep, data, tmp_path):
    """A run of the trial's own configuration and seed has the trial's score."""
    sweep = make_sweep(seed=5)
    for trial in sweep.trials:
        run = train(
            "small", data, tmp_path / trial.id, seed=5, overrides=overrides_of(sweep, trial.options)
        )
        assert validation_score(sweep, run) == trial.score


def test_it_goes_on_where_it_was_stopped(make_sweep, tmp_path):
    sweep, epochs = make_sweep(), []

    def stop(stage, state):
        epochs.append(state.epoch)
        if len(epochs) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_winner(sweep, tmp_path / "out", seeds=2, after_epoch=stop)
    assert epochs == [1, 2, 3, 1, 2]
    later = []
    report = train_winner(
        sweep, tmp_path / "out", seeds=2, after_epoch=lambda stage, state: later.append(state.epoch)
    )
    assert later == [3, 1, 2, 3, 1, 2, 3]
    whole = train_winner(sweep, tmp_path / "whole", seeds=2)
    assert whole.to_json() | {"made": None} == report.to_json() | {"made": None}
    train_winner(sweep, tmp_path / "out", seeds=2, after_epoch=lambda *_: pytest.fail("trained"))


def test_a_winner_that_is_the_first_trial_has_nothing_to_beat(make_sweep, tmp_path):
    sweep = make_sweep((0.05, 1e-6))
    report = train_winner(sweep, tmp_path / "out", seeds=1)
    assert [path.name for path in (tmp_path / "out").glob("*/seed-*")] == ["seed-1"]
    assert not (tmp_path / "out" / "start").exists()
    assert report.made.commands == (
        f"kavc.tuning.train_winner(Sweep('{sweep.path}'), '{tmp_path / 'out'}', seeds=1)",
    )
    assert "its first one: there is no gain" in report.notes[0]


def test_options_for_both(make_sweep, tmp_path):
    sweep = make_sweep()
    train_winner(sweep, tmp_path / "out", seeds=1, overrides={"epochs": "1"})
    for row in ("winner", "start"):
        assert Run(tmp_path / "out" / row / "seed-1").config.epochs == 1
    with pytest.raises(ConfigError, match="'learning_rate' tells winner and start apart"):
        train_winner(sweep, tmp_path / "other", seeds=1, overrides={"learning_rate": 0.1})
    assert not (tmp_path / "other").exists()


def test_other_data(make_sweep, tmp_path):
    sweep = make_sweep()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "corpus.json").write_text("other")
    train_winner(sweep, tmp_path / "out", seeds=1, data=f"synthetic:{tmp_path / 'other'}")
    run = Run(tmp_path / "out" / "winner" / "seed-1")
    assert run.data["source"].endswith("other")
    with pytest.raises(DataError, match="was begun on other data"):
        train_winner(sweep, tmp_path / "out", seeds=1)


def test_what_is_refused(make_sweep, tmp_path):
    empty = make_sweep((0.05, 0.1, 0.2), minutes=0)
    with pytest.raises(ConfigError, match=r"no trial has completed; go on with it by `kavc tune"):
        train_winner(empty, tmp_path / "out")
    sweep = make_sweep()
    with pytest.raises(ConfigError, match="holds a sweep; the runs of a winner need their own"):
        train_winner(sweep, sweep.path)
    with pytest.raises(ConfigError, match="no sweep folder"):
        Sweep(tmp_path / "data")
    assert not (tmp_path / "out").exists()


def test_an_unfinished_sweep_is_said_to_be_so(make_sweep, tmp_path):
    sweep = make_sweep()
    sweep.described["planned"]["trials"] = 9
    report = train_winner(sweep, tmp_path / "out", seeds=1)
    assert "of 9 trials" in report.notes[1]


@pytest.mark.parametrize(
    ("gains", "beginning"),
    [
        ([1.0, 1.1, 0.9], "Larger than the spread over seeds"),
        ([0.1, 0.5, 0.3], "Not told from luck"),  # 0.3 ± 4.30 · 0.2 / √3
        ([-1.0, -1.1, -0.9], "The winner is worse"),
        ([1.0], "One seed does not tell a gain"),
        ([0.5, 0.5], "Not told from luck: each of 2 seeds has the same gain"),
        ([0.0, 0.0, 0.0], "Not told from luck: each of 3 seeds has the same gain"),
    ],
)
@pytest.mark.parametrize(
    ("objective", "unit"), [("val_loss", ""), ("val_recall_at_1", " percentage points")]
)
def test_the_verdict_is_a_paired_interval(gains, beginning, objective, unit):
    sentence = verdict(objective, spread(gains))
    assert sentence.startswith(beginning)
    assert f"{np.mean(gains):.{2 if unit else 4}f}{unit}" in sentence
    assert "nan" not in sentence


@pytest.mark.parametrize("taken", [0, 7, LARGEST_SEED - 1, LARGEST_SEED])
def test_fresh_seeds_are_valid_and_not_the_sweeps(taken):
    seeds = fresh_seeds(taken, 5)
    assert len({taken, *seeds}) == 6
    assert all(0 <= seed <= LARGEST_SEED for seed in seeds)
