"""Training in stages: resume after every epoch, early stopping, the run folder."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json

import keras
import numpy as np
import pytest

from kavc.errors import ConfigError, DataError, KavcError
from kavc.systems.base import SourceInfo
from kavc.training.fit import train
from kavc.training.run import Run, lock


class Killed(BaseException):
    """Stands for a process that dies."""


def weights(run):
    return run.network.get_weights()


def test_a_run_that_is_stopped_after_every_epoch_ends_with_the_same_weights(
    system, source, tmp_path
):
    whole = train(system, source, tmp_path / "whole", seed=3)

    def die(stage, state):
        raise Killed

    for _ in range(30):
        try:
            parts = train(system, source, tmp_path / "parts", seed=3, resume=True, after_epoch=die)
            break
        except Killed:
            continue
    else:
        pytest.fail("the run never ended")
    for a, b in zip(weights(whole), weights(parts), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (tmp_path / "whole/history.csv").read_text() == (
        tmp_path / "parts/history.csv"
    ).read_text()


def test_other_seeds_give_other_weights(system, source, tmp_path):
    a, b = (train(system, source, tmp_path / str(s), seed=s) for s in (0, 1))
    assert not np.array_equal(weights(a)[0], weights(b)[0])


def test_a_stage_stops_when_patience_is_out_and_keeps_its_best_epoch(system, source, tmp_path):
    run = train(
        system,
        source,
        tmp_path / "run",
        overrides={"patience": 1, "learning_rate": 1.0, "epochs": 50},
    )
    with open(run.path / "history.csv") as stream:
        losses = [float(r["val_loss"]) for r in csv.DictReader(stream) if r["stage"] == "first"]
    assert len(losses) < 50
    assert all(b < a for a, b in itertools.pairwise(losses[:-1]))
    assert losses[-1] >= losses[-2]


def test_the_folder_says_everything(system, source, tmp_path):
    run = train(system, source, tmp_path / "run", overrides={"epochs": "2"}, seed=5)
    names = {path.name for path in run.path.iterdir()}
    assert {
        "config.json",
        "versions.json",
        "data.json",
        "history.csv",
        "tensorboard",
        "checkpoints",
        "model.keras",
        "report.json",
        "report.md",
    } <= names
    config = json.loads((run.path / "config.json").read_text())
    assert config["seed"] == 5
    assert config["options"]["epochs"] == 2
    assert not list(run.path.rglob(".partial*"))
    assert np.isfinite(run.report.headline.value)


def test_loss_that_is_not_finite_ends_the_run_with_advice(system, source, tmp_path):
    with pytest.raises(KavcError, match=r"stage 'first' diverged: .*lower learning_rate"):
        train(system, source, tmp_path / "run", overrides={"learning_rate": 1e30})


def test_a_folder_that_holds_a_run_is_not_overwritten(system, source, tmp_path):
    train(system, source, tmp_path / "run", overrides={"epochs": 1})
    with pytest.raises(ConfigError, match="holds a run already; use --resume"):
        train(system, source, tmp_path / "run", overrides={"epochs": 1})


def test_a_foreign_folder_is_not_touched(system, source, tmp_path):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter.tex").write_text("text")
    with pytest.raises(ConfigError, match=r"not empty and no run folder \(it holds 'chapter.tex'"):
        train(system, source, folder)
    assert [path.name for path in folder.iterdir()] == ["chapter.tex"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, "was begun with seed 0, not 1"),
        ({"overrides": {"epochs": 3}}, "was begun with epochs=1, not 3"),
    ],
)
def test_a_run_goes_on_only_as_it_was_begun(system, source, tmp_path, changes, message):
    train(system, source, tmp_path / "run", overrides={"epochs": 1})
    arguments = {"overrides": {"epochs": 1}} | changes
    with pytest.raises(ConfigError, match=message):
        train(system, source, tmp_path / "run", resume=True, **arguments)


def test_a_run_goes_on_only_with_the_same_data(system, source, tmp_path, monkeypatch):
    train(system, source, tmp_path / "run", overrides={"epochs": 1})
    other = dataclasses.replace(system.describe(source), fingerprint="1" * 64)
    monkeypatch.setattr(type(system), "describe", lambda self, source, config=None: other)
    with pytest.raises(DataError, match="begun on other data"):
        train(system, source, tmp_path / "run", overrides={"epochs": 1}, resume=True)


def test_two_processes_cannot_have_one_folder(system, source, tmp_path):
    with (
        lock(tmp_path / "run"),
        pytest.raises(ConfigError, match="another process is writing to this folder"),
    ):
        train(system, source, tmp_path / "run")


class Extra(keras.callbacks.Callback):
    """Logs a number that falls, and what it was given."""

    given = None

    def __init__(self, validation):
        super().__init__()
        Extra.given = validation

    def on_epoch_end(self, epoch, logs=None):
        logs["val_extra"] = -float(epoch)


@pytest.fixture
def extra(tiny, system, monkeypatch):
    """The system with `Extra` in its stages, which follow what it logs."""

    class Followed(tiny.TinyStage):
        monitor, direction = "val_extra", "max"

        def callbacks(self, validation):
            return [Extra(validation)]

    monkeypatch.setattr(type(system), "Stage", Followed)
    return system


def test_a_stage_can_follow_what_its_callbacks_log(extra, source, tmp_path):
    run = train(extra, source, tmp_path / "run", overrides={"epochs": 10, "patience": 2})
    with open(run.path / "history.csv") as stream:
        rows = [r for r in csv.DictReader(stream) if r["stage"] == "first"]
    assert [float(r["val_extra"]) for r in rows] == [0, -1, -2]  # the first one is the best
    x, y = Extra.given
    validation = list(extra.read(source, "validation", None).as_numpy_iterator())
    np.testing.assert_array_equal(x, [row["x"] for row in validation])
    np.testing.assert_array_equal(y, [row["y"] for row in validation])


def test_a_stage_that_follows_what_nobody_logs(tiny, system, source, tmp_path, monkeypatch):
    monkeypatch.setattr(tiny.TinyStage, "monitor", "val_extra")
    with pytest.raises(KavcError, match="follows 'val_extra', which the fit does not report; it"):
        train(system, source, tmp_path / "run")


def test_a_report_that_can_not_be_made_leaves_the_run_as_it_is(
    system, source, tmp_path, monkeypatch
):
    good = type(system).evaluate

    def evaluate(self, network, source, config):
        raise DataError("the test split\nis strange")

    monkeypatch.setattr(type(system), "evaluate", evaluate)
    message = r"trained, but its report can't be made \(the test split is strange\)"
    with pytest.raises(KavcError, match=message):
        train(system, source, tmp_path / "run", overrides={"epochs": 1})
    run = Run(tmp_path / "run")
    assert run.finished
    assert run.network is not None
    assert (run.path / "report_error.txt").read_text() == "the test split is strange\n"
    monkeypatch.setattr(type(system), "evaluate", good)
    again = train(system, source, tmp_path / "run", overrides={"epochs": 1}, resume=True)
    assert np.isfinite(again.report.headline.value)
    assert not (run.path / "report_error.txt").exists()


def test_an_older_report_beside_one_that_was_not_finished_is_made_again(system, source, tmp_path):
    """As of a run that is fitted something more, and killed before its report."""
    run = train(system, source, tmp_path / "run", overrides={"epochs": 1})
    (run.path / "report_error.txt").write_text("the evaluation was not finished.\n")
    (run.path / "report.md").unlink()
    train(system, source, tmp_path / "run", overrides={"epochs": 1}, resume=True)
    assert (run.path / "report.md").exists()
    assert not (run.path / "report_error.txt").exists()


def test_a_run_is_not_resumed_in_other_splits(system, source, tmp_path, monkeypatch):
    digests = {"train": "1", "validation": "2", "test": "3"}
    monkeypatch.setattr(SourceInfo, "splits", property(lambda info: dict(digests)))
    train(system, source, tmp_path / "run", overrides={"epochs": 1})
    train(system, source, tmp_path / "run", overrides={"epochs": 1}, resume=True)
    digests["test"] = "1"
    with pytest.raises(DataError, match=r"begun on other splits \(who is in test,"):
        train(system, source, tmp_path / "run", overrides={"epochs": 1}, resume=True)
