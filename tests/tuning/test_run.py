"""Whole sweeps: what fails, what ends them, how they go on, what lies in the folder."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest

from kavc.errors import ConfigError, DataError
from kavc.systems.choices import Choices
from kavc.training.run import lock
from kavc.tuning.report import report_of
from kavc.tuning.run import parse_objective, run_sweep
from kavc.tuning.settings import SweepSettings
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import Trial
from kavc.tuning.tuner import Limits, Listener

SPACE = {"learning_rate": 0.05, "scale": 1.0, "normalized": False, "deep": 0}


@pytest.fixture
def settings(system, data):
    def make(**changes):
        given = {"tuner": "grid", "space": SPACE, "set": {"epochs": 3}} | changes
        return SweepSettings("small", data, **given)

    return make


def small_space(**space):
    """What is left of the space if only these vary."""
    return SPACE | {"units": 4, "groups": 1} | space


class Noted(Listener):
    def __init__(self):
        self.begun, self.epochs, self.ended = [], [], []

    def on_trial_begin(self, trial):
        self.begun.append(trial)

    def on_epoch_end(self, trial, stage, state):
        self.epochs.append((trial.number, state.epoch))

    def on_trial_end(self, trial):
        self.ended.append(trial)


def test_the_folder_says_everything_and_data_are_read_once(settings, small, tmp_path):
    sweep = run_sweep(settings(), tmp_path / "sweep")
    assert len(small.SmallSystem.reads) == small.SmallSystem.loads == 2
    assert {path.name for path in sweep.path.iterdir()} >= {"sweep.json", "oracle.json"}
    assert [trial.number for trial in sweep.trials] == [1, 2, 3, 4, 5, 6]
    assert sweep.described["planned"] == {"trials": 6, "epochs": 18}
    first, best = sweep.trials[0], sweep.best
    assert first.changed == {}
    assert first.options == sweep.described["first"] == sweep.system.Config(epochs=3).to_dict()
    assert best.score == min(trial.score for trial in sweep.trials)
    for trial in sweep.trials:
        losses = [logs["val_loss"] for logs in trial.curve["only"]]
        assert trial.score == min(losses)
        assert trial.best_epoch == {"only": losses.index(trial.score) + 1}
        assert 0 < trial.seconds["fit"] < trial.seconds["whole"]
        assert trial.budget == len(losses) == 3
    assert not list(tmp_path.rglob(".partial*"))


def test_trials_that_fail_are_recorded_and_the_sweep_goes_on(settings, tmp_path):
    """Of the learning rate, the loss is NaN; of five units in two parts, there is no such shape."""
    space = small_space(learning_rate=[0.05, 1e30], units=[4, 5], groups=[1, 2])
    sweep = run_sweep(settings(space=space), tmp_path / "sweep")
    reasons = {}
    for trial in sweep.trials:
        key = trial.options["learning_rate"], trial.options["units"], trial.options["groups"]
        reasons[key] = trial.reason
    assert len(reasons) == 8
    assert reasons[0.05, 4, 1] is reasons[0.05, 4, 2] is reasons[0.05, 5, 1] is None
    assert "ValueError" in reasons[0.05, 5, 2]
    assert "total size of the tensor must be unchanged" in reasons[0.05, 5, 2]
    assert "diverged: " in reasons[1e30, 4, 1]
    assert not any("\n" in reason for reason in reasons.values() if reason)
    assert sweep.best.options["learning_rate"] == 0.05
    for trial in sweep.trials:  # KerasTuner's own record agrees
        kept = json.loads((sweep.path / f"trial_{trial.id}" / "trial.json").read_text())
        assert kept["status"] == trial.status.upper()
        assert (kept["score"], kept["message"]) == (trial.score, trial.reason)


def test_out_of_memory_is_a_reason(settings, small, tmp_path, monkeypatch):
    build = small.SmallSystem.build

    def too_large(self, config):
        if config.units == 8:
            raise MemoryError("8 units")
        return build(self, config)

    monkeypatch.setattr(small.SmallSystem, "build", too_large)
    sweep = run_sweep(settings(space=small_space(units=[4, 8])), tmp_path / "sweep")
    assert [trial.reason for trial in sweep.trials] == [None, "out of memory: 8 units"]


def test_a_trial_over_its_time_fails_after_an_epoch(settings, tmp_path):
    limits = Limits(trial_minutes=0)
    sweep = run_sweep(settings(space=small_space(units=[4, 8])), tmp_path / "sweep", limits=limits)
    assert [trial.status for trial in sweep.trials] == ["failed", "failed"]
    assert sweep.trials[0].reason.startswith("over time: 0.0 minutes after epoch 1 of stage 'only'")
    assert sweep.best is None


def test_a_first_trial_that_fails_for_all_ends_the_sweep(settings, tmp_path):
    with pytest.raises(ConfigError, match=r"the first trial fails: ValueError: .*total size"):
        run_sweep(settings(set={"units": 5, "groups": 2}, space={}), tmp_path / "sweep")


def test_ten_failures_in_a_row_end_the_sweep(settings, tmp_path):
    rates = [0.05, *(1e30 + n * 1e29 for n in range(14))]
    noted = Noted()
    with pytest.raises(ConfigError, match=r"10 trials in a row failed, the last one: .*diverged"):
        run_sweep(
            settings(space=small_space(learning_rate=rates)), tmp_path / "sweep", listener=noted
        )
    assert len(noted.ended) == 11


def test_an_objective_that_nobody_reports_is_refused_after_one_epoch(settings, tmp_path):
    noted = Noted()
    with pytest.raises(ConfigError, match="unknown objective 'val_los'; did you mean 'val_loss'"):
        run_sweep(settings(objective="val_los:min"), tmp_path / "sweep", listener=noted)
    assert noted.epochs == []


def test_another_objective_is_the_score(settings, tmp_path):
    space = small_space(units=[4, 8])
    sweep = run_sweep(settings(space=space, objective="mae:min"), tmp_path / "sweep")
    for trial in sweep.trials:
        assert trial.score == trial.curve["only"][trial.best_epoch["only"] - 1]["mae"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, ("v", "max")), ("v", ("v", "max")), ("a:min", ("a", "min")), ("loss", ("loss", "min"))],
)
def test_objectives_are_read(text, expected):
    import keras_tuner

    found = parse_objective(text, keras_tuner.Objective("v", "max"))
    assert (found.name, found.direction) == expected


def test_a_sweep_whose_time_is_up_discards_the_running_trial_and_goes_on(settings, tmp_path):
    out, noted = tmp_path / "sweep", Noted()
    given = {"space": small_space(units=[4, 8])}
    assert run_sweep(settings(**given), out, limits=Limits(minutes=0)).trials == []
    limits = Limits(minutes=Slow.seconds / 2 / 60)
    stopped = run_sweep(settings(**given), out, resume=True, limits=limits, listener=Slow(2))
    assert [trial.status for trial in stopped.trials] == ["completed", "running"]
    done = run_sweep(settings(**given), out, resume=True, listener=noted)
    assert [trial.number for trial in noted.begun] == [2]
    assert [trial.attempts for trial in done.trials] == [1, 1]


class Slow(Listener):
    """An epoch of a trial that takes long."""

    seconds = 12

    def __init__(self, number):
        self.number = number

    def on_epoch_end(self, trial, stage, state):
        if (trial.number, state.epoch) == (self.number, 1):
            time.sleep(self.seconds)


class Interrupted(Listener):
    """Ctrl-C in the first epoch of a trial."""

    def __init__(self, number):
        self.number = number

    def on_epoch_end(self, trial, stage, state):
        if trial.number == self.number:
            raise KeyboardInterrupt


def test_a_sweep_that_is_interrupted_often_goes_on(settings, tmp_path):
    given = {"space": small_space(units=[4, 8])}
    whole = run_sweep(settings(**given), tmp_path / "whole")
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            run_sweep(settings(**given), tmp_path / "parts", resume=True, listener=Interrupted(2))
    parts = run_sweep(settings(**given), tmp_path / "parts", resume=True)
    assert [(t.values, t.score) for t in parts.trials] == [
        (t.values, t.score) for t in whole.trials
    ]


def died(folder: Path, attempts: int) -> None:
    """Leaves a trial as a process that was killed leaves it."""
    record = json.loads((folder / "history.json").read_text())
    (folder / "history.json").write_text(json.dumps(record | {"attempts": attempts}))


def test_a_trial_whose_process_died_twice_has_failed(settings, tmp_path):
    out, given = tmp_path / "sweep", {"space": small_space(units=[4, 8])}
    with pytest.raises(KeyboardInterrupt):
        run_sweep(settings(**given), out, listener=Interrupted(2))
    (running,) = [t for t in Sweep(out).trials if t.status == "running"]
    died(out / f"trial_{running.id}", 2)
    sweep = run_sweep(settings(**given), out, resume=True)
    assert [trial.status for trial in sweep.trials].count("failed") == 1
    assert sweep.trials[1].reason == "the process died in this trial, 2 times"


def test_a_finished_sweep_is_not_run_again(settings, tmp_path):
    given = {"space": small_space(units=[4, 8])}
    run_sweep(settings(**given), tmp_path / "sweep")
    noted = Noted()
    run_sweep(settings(**given), tmp_path / "sweep", resume=True, listener=noted)
    assert noted.begun == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, "was begun with seed 0, not 1"),
        ({"tuner": "random"}, "was begun with tuner 'grid', not 'random'"),
        ({"space": {"units": [4, 8]}}, "was begun with space"),
        ({"trials": 3}, "was begun with trials 4, not 3"),
    ],
)
def test_a_sweep_goes_on_only_as_it_was_begun(settings, tmp_path, changes, message):
    run_sweep(settings(trials=4), tmp_path / "sweep", limits=Limits(minutes=0))
    with pytest.raises(ConfigError, match=message):
        run_sweep(settings(**{"trials": 4} | changes), tmp_path / "sweep", resume=True)


@pytest.mark.parametrize("tuner", ["random", "grid"])
def test_a_sweep_may_have_more_trials_and_its_data_another_place(settings, tmp_path, data, tuner):
    whole = run_sweep(settings(tuner=tuner, trials=11, space={}), tmp_path / "whole")
    run_sweep(settings(tuner=tuner, trials=9, space={}), tmp_path / "parts")
    (tmp_path / "data").rename(tmp_path / "moved")
    moved = dataclasses.replace(
        settings(tuner=tuner, trials=11, space={}), data=f"synthetic:{tmp_path / 'moved'}"
    )
    parts = run_sweep(moved, tmp_path / "parts", resume=True)
    assert parts.settings == moved
    assert parts.described["planned"]["trials"] == len(parts.trials) == 11
    assert [(t.number, t.values, t.score) for t in parts.trials] == [
        (t.number, t.values, t.score) for t in whole.trials
    ]


def test_a_sweep_does_not_go_on_with_another_search_space(settings, small, tmp_path, monkeypatch):
    run_sweep(settings(space={}), tmp_path / "sweep", limits=Limits(minutes=0))

    def search_space(self, hp, config):
        ask = Choices(hp, config)
        ask.one_of("units", 2, 4, 8, 16)
        return ask.config()

    monkeypatch.setattr(small.SmallSystem, "search_space", search_space)
    with pytest.raises(ConfigError, match="begun by a version of kavc with another space"):
        run_sweep(settings(space={}), tmp_path / "sweep", resume=True)


def test_a_listener_that_fails_is_no_fault_of_a_trial(settings, tmp_path):
    class Full(Listener):
        def on_epoch_end(self, trial, stage, state):
            if trial.number == 2:
                raise OSError("No space left on device")

    given = {"space": small_space(units=[4, 8])}
    with pytest.raises(ConfigError, match="progress can't be told: OSError: No space left"):
        run_sweep(settings(**given), tmp_path / "sweep", listener=Full())
    sweep = run_sweep(settings(**given), tmp_path / "sweep", resume=True)
    assert [trial.status for trial in sweep.trials] == ["completed", "completed"]


def test_a_sweep_tells_of_its_trials_and_how_far_all_of_them_are(settings, tmp_path, told):
    given = {"space": small_space(units=[4, 8])}
    sweep = run_sweep(settings(**given), tmp_path / "sweep", limits=Limits(minutes=0))
    begun = [task for task in told.begun if task.name == "sweep"]
    assert [task.done for task in begun] == [0] and not any("[1/2]" in line for line in told.lines)
    sweep = run_sweep(settings(**given), tmp_path / "sweep", resume=True)
    trials = [line for line in told.lines if line.startswith("[")]
    assert [line[:5] for line in trials] == ["[1/2]", "[2/2]"]
    assert all(sweep.objective in line and "; best " in line for line in trials)
    (task,) = [task for task in told.ended if task.name == "sweep"][1:]
    assert task.done == task.total == sweep.described["planned"]["epochs"]
    fits = [one for one in told.ended if one.unit == "steps"]
    assert fits and all(one.within == (task,) for one in fits)
    assert not any("epochs in" in line for line in told.lines)  # a stage of a trial says no line


def test_the_time_of_a_sweep_may_begin_before_it_is_called(settings, tmp_path):
    """As a command counts what it imports and reads."""
    limits = Limits(minutes=1, began=time.monotonic() - 61)
    sweep = run_sweep(settings(), tmp_path / "sweep", limits=limits)
    assert not sweep.trials


def test_what_a_trial_leaves_meanwhile_is_in_the_sweep_folder(settings, tmp_path):
    """Where the next process removes it, if this one is killed."""
    found = []

    class Look(Listener):
        def on_epoch_end(self, trial, stage, state):
            found.extend((tmp_path / "sweep").glob(".partial-trial-*"))

    run_sweep(settings(space=small_space(units=[4, 8])), tmp_path / "sweep", listener=Look())
    assert found
    assert not any(path.exists() for path in found)


def test_a_first_trial_that_is_not_the_preset_is_said_to_be_so(settings, tmp_path, told):
    space = small_space(units=[2, 8], learning_rate=[0.01, 0.02])
    sweep = run_sweep(settings(space=space), tmp_path / "sweep")
    assert sweep.moved == {"learning_rate": 0.01, "units": 2}
    leaves_out = "the space leaves the preset out: the first trial has learning_rate=0.01, units=2"
    assert leaves_out in told.lines
    assert "leaves the preset out" in " ".join(report_of(sweep).notes)


@pytest.mark.parametrize("damage", ["", "[1", "[]", None])
@pytest.mark.parametrize(
    "name", ["tuner0.json", "oracle.json", "trial_0001/trial.json", "trial_0001/history.json"]
)
def test_a_sweep_does_not_go_on_over_damaged_files(settings, tmp_path, name, damage):
    """KerasTuner would begin again with the first trial, over those that are there."""
    out, given = tmp_path / "sweep", {"space": small_space(units=[4, 8])}
    whole = run_sweep(settings(**given), out).trials
    if damage is None:
        (out / name).unlink()
    else:
        (out / name).write_text(damage)
    with pytest.raises(DataError, match=name):
        run_sweep(settings(**given), out, resume=True)
    if name.startswith("trial_"):
        whole = whole[:1]
    assert [Trial.read(out / f"trial_{trial.id}") for trial in whole] == whole


@pytest.mark.parametrize("name", ["KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP"])
def test_keras_tuners_own_chief_is_refused(settings, tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "chief")
    with pytest.raises(ConfigError, match=f"{name} is set"):
        run_sweep(settings(), tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


def test_a_sweep_goes_on_only_with_the_same_data(settings, tmp_path):
    run_sweep(settings(), tmp_path / "sweep", limits=Limits(minutes=0))
    (tmp_path / "data" / "corpus.json").write_text("second")
    with pytest.raises(DataError, match="begun on other data"):
        run_sweep(settings(), tmp_path / "sweep", resume=True)


def test_a_sweep_in_which_nothing_has_ended_gives_its_folder_back(settings, tmp_path):
    out, given = tmp_path / "sweep", {"space": small_space(units=[4, 8])}
    with pytest.raises(ConfigError, match="unknown objective"):
        run_sweep(settings(objective="val_los:min"), out)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(settings(seed=3), out, listener=Interrupted(1))
    sweep = run_sweep(settings(**given), out)
    assert [trial.status for trial in sweep.trials] == ["completed", "completed"]
    assert [(t.number, t.score) for t in sweep.trials] == [
        (t.number, t.score) for t in run_sweep(settings(**given), tmp_path / "new").trials
    ]
    with pytest.raises(ConfigError, match="holds a sweep already; use --resume"):
        run_sweep(settings(), out)


def test_folders_that_do_not_fit(settings, tmp_path):
    run_sweep(settings(space=small_space(units=[4, 8])), tmp_path / "sweep")
    with pytest.raises(ConfigError, match="holds a sweep already; use --resume"):
        run_sweep(settings(), tmp_path / "sweep")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("text")
    with pytest.raises(ConfigError, match=r"no sweep folder \(it holds 'chapter.tex'"):
        run_sweep(settings(), tmp_path / "thesis", resume=True)
    with pytest.raises(ConfigError, match="a file; a sweep needs a folder"):
        run_sweep(settings(), tmp_path / "thesis" / "chapter.tex")
    with pytest.raises(ConfigError, match="no sweep folder"):
        Sweep(tmp_path / "thesis")


def test_two_processes_cannot_have_one_folder(settings, tmp_path):
    with (
        lock(tmp_path / "sweep"),
        pytest.raises(ConfigError, match="another process is writing to this folder"),
    ):
        run_sweep(settings(), tmp_path / "sweep")


@pytest.mark.parametrize("content", ["", "{}", '{"settings": {}}', "[1"])
def test_a_damaged_description_is_said_to_be_so(settings, tmp_path, content):
    run_sweep(settings(), tmp_path / "sweep", limits=Limits(minutes=0))
    (tmp_path / "sweep" / "sweep.json").write_text(content)
    with pytest.raises(DataError, match=r"sweep.json"):
        Sweep(tmp_path / "sweep")
