"""The run folder: history, lock, leftovers of a killed writer."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from kavc.errors import ConfigError, DataError
from kavc.files import sweep_partials
from kavc.presets.folders import folder, names
from kavc.training.fit import train
from kavc.training.run import Run, load_run, lock, versions, write_history

HOLDER = """
import sys, time
from pathlib import Path
from kavc.training.run import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_history_has_every_value_that_any_stage_logs(tmp_path):
    histories = {
        "first": [{"loss": 2.0, "val_loss": 3.0}, {"loss": 1.5, "val_loss": 2.5}],
        "second": [{"loss": 1.0, "accuracy": 0.5}],
    }
    write_history(tmp_path, histories)
    with open(tmp_path / "history.csv") as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["stage", "epoch", "loss", "val_loss", "accuracy"],
        ["first", "1", "2.0", "3.0", ""],
        ["first", "2", "1.5", "2.5", ""],
        ["second", "1", "1.0", "", "0.5"],
    ]


def test_a_lock_ends_with_its_process(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match="another process is writing"), lock(tmp_path):
            pass
        os.kill(holder.pid, signal.SIGKILL)
    with lock(tmp_path):
        pass


def test_a_lock_ends_with_its_block(tmp_path):
    for _ in range(2):
        with lock(tmp_path / "new"):
            assert (tmp_path / "new").is_dir()


def test_what_a_killed_writer_left_is_swept(system, source, tmp_path):
    out = tmp_path / "run"
    options = {"epochs": 1}
    train(system, source, out, overrides=options)
    (out / ".partial-x-report.json").write_text("{")
    (out / "checkpoints/first/.partial-y-epoch-0002").mkdir()
    (out / "checkpoints/first/.partial-y-epoch-0002/state.json").write_text("{")
    train(system, source, out, overrides=options, resume=True)
    assert not list(out.rglob(".partial-*"))


def test_sweeping_leaves_everything_else(tmp_path):
    (tmp_path / "partial-x").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    sweep_partials(tmp_path)
    assert len(list(tmp_path.rglob("*"))) == 3


def test_a_run_without_an_end_says_how_to_go_on(system, source, tmp_path):
    run = train(system, source, tmp_path / "run", overrides={"epochs": 1})
    (run.path / "model.keras").unlink()
    unfinished = load_run(run.path)
    assert not unfinished.finished
    with pytest.raises(ConfigError, match="training has not ended; go on with `kavc train --res"):
        unfinished.network  # noqa: B018


def test_a_run_whose_end_was_lost_is_taken_up(system, source, tmp_path):
    """Killed between the last stage and model.keras, or between that and the report."""
    options = {"epochs": 2}
    run = train(system, source, tmp_path / "run", overrides=options)
    weights, history = run.network.get_weights(), (run.path / "history.csv").read_text()
    for name in ("model.keras", "report.json"):
        (run.path / name).unlink()
        again = train(system, source, run.path, overrides=options, resume=True)
        for a, b in zip(weights, again.network.get_weights(), strict=True):
            assert (a == b).all()
        assert (run.path / "history.csv").read_text() == history
        assert again.report.headline == run.report.headline


def test_settings_source_and_data_come_back(system, source, tmp_path):
    run = Run(train(system, source, tmp_path / "run", overrides={"epochs": "1"}, seed=4).path)
    assert run.settings.seed == 4
    assert run.config.epochs == 1
    assert run.source == source
    assert run.data["counts"] == {"train": 60}


def test_versions_name_what_decides_the_numbers():
    assert {"python", "kavc", "tensorflow", "keras", "numpy"} <= set(versions())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": ["a\nb", "c"]}, r"data.json: classes: 'a\\nb' holds a line break"),
        ({"classes": "ab"}, "data.json: 'classes' is 'ab'; expected a list, each text"),
        (
            {"widths": {"audio": "4"}},
            "data.json: 'widths' is .*; expected names, each with a whole",
        ),
        ({"notes": None}, "data.json: 'notes' is None; expected a list"),
        ({"assignment": None}, "data.json: 'assignment' is None; expected names, each with text"),
    ],
)
def test_facts_of_another_type(tmp_path, change, words):
    """A line break in a class would give all that follow it another number in an export."""
    run = tmp_path / "run"
    shutil.copytree(folder(names()[0]), run)
    facts = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps(facts | change))
    with pytest.raises(DataError, match=words):
        load_run(run).data  # noqa: B018
