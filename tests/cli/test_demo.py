"""Whose the demo's folder is; `make demo` runs the rest."""

from __future__ import annotations

import shutil

import pytest

from kavc.cli.demo import OWN, _take
from kavc.errors import ConfigError
from kavc.folders import kind_of


def test_a_new_folder_is_taken_and_taken_again(tmp_path):
    for fresh in (False, True, False):
        _take(tmp_path / "demo", fresh)
        (tmp_path / "demo" / "corpus").mkdir(exist_ok=True)
    assert kind_of(tmp_path / "demo") == "demo"


def test_a_fresh_one_removes_what_the_demo_made_and_nothing_else(tmp_path):
    _take(tmp_path, False)
    for name in OWN:
        (tmp_path / name).mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    _take(tmp_path, True)
    assert {path.name for path in tmp_path.iterdir()} == {".kavc", "notes.txt"}


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("names", [["notes.txt"], ["corpus"], ["corpus", "models"]])
def test_a_folder_of_the_users_stays(tmp_path, names, fresh):
    """A corpus of their own, too, that `kavc data synth` made there."""
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "corpus.json").write_text("{}")
    with pytest.raises(ConfigError, match="not empty and no demo folder"):
        _take(tmp_path, fresh)
    assert {path.name for path in tmp_path.iterdir()} == set(names)


@pytest.mark.parametrize("fresh", [False, True])
def test_runs_and_models_of_the_users_under_the_same_names(tiny_run, tmp_path, fresh):
    shutil.copytree(tiny_run, tmp_path / "ti-avc")
    (tmp_path / "models" / "ti-avc" / "1").mkdir(parents=True)
    with pytest.raises(ConfigError, match="not empty and no demo folder"):
        _take(tmp_path, fresh)
    assert {path.name for path in tmp_path.iterdir()} == {"ti-avc", "models"}
