"""What a run says that it can be asked, without its network."""

from __future__ import annotations

import json
import shutil

import pytest

from kavc.training import asked
from kavc.training.run import Run


def test_a_run_says_what_its_network_says(tiny_run):
    assert asked.told(tiny_run) == Run(tiny_run).signatures


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.update(kavc="0.0.0"),
        lambda said: said.pop("kavc"),
        lambda said: said.update(signatures=[]),
        lambda said: said["signatures"].update(x=3),
        lambda said: said["signatures"].update(x={"inputs": {}, "outputs": {"y": {}}}),
        lambda said: said["signatures"]["embed_audio"]["inputs"]["audio"].update(dtype=1),
        lambda said: said["signatures"]["embed_audio"]["inputs"]["audio"].update(shape=["?"]),
        lambda said: said["signatures"]["embed_audio"]["inputs"]["audio"].update(shape=3),
    ],
)
def test_what_is_of_another_version_or_damaged_says_nothing(tiny_run, tmp_path, change):
    said = json.loads((tiny_run / asked.FILE).read_text())
    change(said)
    (tmp_path / asked.FILE).write_text(json.dumps(said))
    assert asked.told(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[", "[]", "3", '{"kavc": "'])
def test_a_file_that_is_none(tmp_path, text):
    assert asked.told(tmp_path) is None
    (tmp_path / asked.FILE).write_text(text)
    assert asked.told(tmp_path) is None


def test_a_run_without_it_is_asked_itself(cli_of_older):
    assert "match_score" in cli_of_older


@pytest.fixture
def cli_of_older(tiny_run, tmp_path):
    """What `kavc predict --list` prints of a run of an earlier version."""
    from typer.testing import CliRunner

    from kavc.cli.main import app

    older = shutil.copytree(tiny_run, tmp_path / "older")
    (older / asked.FILE).unlink()
    return CliRunner().invoke(app, ["predict", str(older), "--list"]).stdout
