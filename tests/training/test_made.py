"""How a run was made: its calls and their time, and what reports on runs say of them."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from kavc.data.source import Source
from kavc.errors import DataError
from kavc.evaluation.made import typed
from kavc.training.devices import described
from kavc.training.evaluate import evaluate
from kavc.training.fit import train
from kavc.training.made import calls_of, made_in, made_of
from kavc.training.run import Run

EPOCH = {"epochs": 1}


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    """A run that was trained by a command; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "corpus.json").write_text("{}")
    options = {"overrides": {"epochs": "1", "batch_size": "7"}, "seed": 5}
    with pytest.MonkeyPatch.context() as patch, typed(["train", "tiny", "--out", "here"]):
        patch.setattr("kavc.training.run.get", lambda name: tiny.TinySystem())
        return train(tiny.TinySystem(), Source("synthetic", folder), folder / "run", **options)


def numbers(run):
    """Returns all of report.json but how it was made."""
    report = json.loads((run.path / "report.json").read_text())
    return {name: value for name, value in report.items() if name != "made"}


def test_a_run_says_how_it_was_made(trained):
    (call,) = calls_of(trained.path)
    made = trained.report.made
    assert made.commands == ("kavc train tiny --out here",) == (call.command,)
    assert (made.system, made.presets, made.seeds) == ("tiny", ("paper",), (5,))
    assert made.changes == EPOCH  # 7 examples a batch are the preset's
    assert made.counts == {"train": 60}
    assert made.source == f"synthetic:{trained.path.parent}"
    assert made.devices == tuple(described()) and set(made.versions) == set(call.versions)
    assert made.seconds["training"] == pytest.approx(call.training_seconds, abs=0.06)
    assert "evaluation" in made.seconds and made.trained == call.date <= made.date


def test_an_evaluation_says_what_it_is_of(trained, system):
    made = evaluate([trained.path]).made
    assert made.commands == (f"kavc.evaluate(['{trained.path}'])",)
    assert made.seeds == (5,) and made.runs == ()
    assert made.seconds["training"] == trained.report.made.seconds["training"]
    assert made.trained == calls_of(trained.path)[0].date


@pytest.mark.parametrize("damaged", ["made.json", "report.json"])
def test_a_damaged_record_is_told_before_the_work(trained, system, tmp_path, monkeypatch, damaged):
    folder = Path(shutil.copytree(trained.path, tmp_path / "run"))
    (folder / "made.json").unlink()
    (folder / damaged).write_text('{"made": 3}')
    monkeypatch.setattr(type(system), "evaluate", lambda *_: pytest.fail("evaluated"))
    with pytest.raises(DataError, match=damaged):
        evaluate([folder])


def test_an_evaluation_looks_through_the_data_once(trained, system, monkeypatch):
    looked, describe = [], type(system).describe

    def counted(self, source, config=None):
        looked.append(source)
        return describe(self, source, config)

    monkeypatch.setattr(type(system), "describe", counted)
    assert evaluate([trained.path]).made.fingerprint == trained.data["fingerprint"]
    assert len(looked) == 1


def test_a_call_that_only_reports_did_not_train(trained, system, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(trained.path, tmp_path / "run"))
    (folder / "report.json").unlink()
    monkeypatch.setattr("kavc.training.made.now", lambda: "2099-01-31T12:00:00Z")
    options = {"overrides": {"epochs": "1", "batch_size": "7"}, "seed": 5, "resume": True}
    run = train(system, Source("synthetic", trained.path.parent), folder, **options)
    training, reporting = calls_of(folder)
    assert training.training_seconds > 0 == reporting.training_seconds
    assert run.report.made.trained == training.date < run.report.made.date == reporting.date


def test_a_run_of_an_earlier_version_says_what_is_known(trained, system, tmp_path):
    folder = Path(shutil.copytree(trained.path, tmp_path / "run"))
    (folder / "made.json").unlink()
    (folder / "report.json").write_text(json.dumps(numbers(trained)))
    run = Run(folder)
    assert run.report.made is None is made_in(folder)
    made = made_of([run], run.data, evaluation=1.0)
    assert made.seconds == {"evaluation": 1.0} and made.trained == "" and made.commands == ()
    assert made.changes == EPOCH


def test_equal_trainings_differ_in_how_they_were_made_alone(system, source, tmp_path):
    runs = [train(system, source, tmp_path / name, overrides=EPOCH) for name in "ab"]
    assert numbers(runs[0]) == numbers(runs[1])
    assert runs[1].report.made.commands == (
        f"kavc.train('tiny', 'synthetic:{tmp_path}', '{tmp_path / 'b'}', preset='paper', "
        "overrides={'epochs': 1}, seed=0)",
    )
    together = made_of(runs, runs[0].data)
    assert together.seeds == (0,) and together.changes == EPOCH
    assert together.runs == tuple(str(run.path) for run in runs)
    for what in ("training", "evaluation"):
        parts = [run.report.made.seconds[what] for run in runs]
        assert together.seconds[what] == pytest.approx(sum(parts), abs=0.2)
    before = (tmp_path / "a" / "made.json").read_bytes()
    train(system, source, tmp_path / "a", overrides=EPOCH, resume=True)
    assert (tmp_path / "a" / "made.json").read_bytes() == before  # it had ended


class Killed(BaseException):
    """Stands for a process that dies."""


def test_time_is_summed_over_what_was_resumed(system, source, tmp_path, monkeypatch):
    seconds = itertools.count()  # time goes on by a second whenever somebody looks
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)))
    for module in ("fit", "made"):
        monkeypatch.setattr(f"kavc.training.{module}.time", clock)

    def die(stage, state):
        raise Killed

    with pytest.raises(Killed):
        train(system, source, tmp_path / "run", overrides=EPOCH, after_epoch=die)
    (first,) = calls_of(tmp_path / "run")
    assert first.training_seconds > 0  # of the epoch that was kept
    run = train(system, source, tmp_path / "run", overrides=EPOCH, resume=True)
    calls = calls_of(run.path)
    assert calls[0] == first and len(calls) == 2
    spent = sum(call.training_seconds for call in calls)
    assert run.report.made.seconds["training"] == spent > first.training_seconds
    assert len(run.report.made.commands) == 2


@pytest.mark.parametrize("content", ["{", "[]", '{"calls": 3}', '{"calls": [{"command": 1}]}'])
def test_damaged_calls_are_told(tmp_path, content):
    (tmp_path / "made.json").write_text(content)
    with pytest.raises(DataError, match=r"made\.json: .*; bring it back, or remove it"):
        calls_of(tmp_path)
