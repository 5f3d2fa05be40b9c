"""Nothing of the user's is overwritten, whatever `--out` names."""

from __future__ import annotations

import json
import shutil

import pytest

from kavc.tuning.settings import SweepSettings
from kavc.tuning.sweep import SWEEP

OWN = {"data.json": '{"mine": 1}', "report.md": "My report.", "tables/mine.csv": "a,b"}


@pytest.fixture
def own(tmp_path):
    """A folder with files of the user's whose names are ours, too."""
    folder = tmp_path / "own"
    for name, text in OWN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def commands(corpus, run, out):
    data = ("--data", f"synthetic:{corpus}")
    return {
        "train": ("train", "ti-avc", *data, "--out", out),
        "resume": ("train", "ti-avc", *data, "--out", out, "--resume"),
        "reproduce": ("reproduce", "ti-avc", *data, "--out", out),
        "evaluate": ("evaluate", run, "--out", out),
        "tune": ("tune", "run", "ti-avc", *data, "--out", out),
        "synth": ("data", "synth", "ti-avc", "--out", out, "--videos", "20"),
    }


@pytest.mark.parametrize("command", ["train", "resume", "reproduce", "evaluate", "tune", "synth"])
def test_a_folder_of_the_users_is_refused_and_stays(refused, tiny_corpus, tiny_run, own, command):
    before = files(own)
    line = refused(*commands(tiny_corpus, tiny_run, own)[command])
    assert str(own) in line
    assert files(own) == before
    assert {path.name for path in own.iterdir()} == {"data.json", "report.md", "tables"}


@pytest.mark.parametrize("command", ["train", "reproduce", "evaluate", "tune"])
def test_a_run_is_not_written_over(refused, tiny_corpus, tiny_run, tmp_path, command):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    before = files(run)
    line = refused(*commands(tiny_corpus, tiny_run, run)[command])
    assert f"{run}: holds a run" in line
    assert files(run) == before


def test_an_evaluation_may_be_written_again(cli, tiny_run, tmp_path):
    for _ in range(2):
        done = cli("evaluate", tiny_run, "--out", tmp_path / "report")
        assert done.exit_code == 0, done.stderr


@pytest.fixture
def begun(cli, tiny_corpus, small_options, tmp_path):
    """A sweep in which nothing has ended, with files of the user's in its folder."""
    out = tmp_path / "sweep"
    sets = [word for name, value in small_options.items() for word in ("--set", f"{name}={value}")]
    words = ("tune", "run", "ti-avc", "--data", f"synthetic:{tiny_corpus}", "--out", out,
             "--trials", 1, "--max-minutes", 0, *sets)  # fmt: skip
    assert cli(*words).exit_code == 3
    (out / "splits.json").write_text('{"mine": 1}')
    (out / "trial_notes").mkdir()
    (out / "trial_notes" / "notes.txt").write_text("mine")
    return out, words


def test_a_sweep_that_begins_anew_leaves_what_is_the_users(cli, begun):
    out, words = begun
    assert cli(*words).exit_code == 3
    assert json.loads((out / "splits.json").read_text()) == {"mine": 1}
    assert (out / "trial_notes" / "notes.txt").read_text() == "mine"
    settings = json.loads((out / SWEEP).read_text())["settings"]
    assert SweepSettings(**settings).data.startswith("synthetic:/")
