"""`kavc tune report` and `kavc train --from-sweep`: what they print and what they refuse."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from kavc.systems import registry
from kavc.training.run import Run
from kavc.tuning.sweep import Sweep

SMALL = Path(__file__).parents[1] / "tuning" / "small.py"


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Registers the system of tests/tuning; returns the words that name its data."""
    spec = importlib.util.spec_from_file_location("kavc_tests_small_cli", SMALL)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(registry.SYSTEMS, "small", (spec.name, "SmallSystem"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "corpus.json").write_text("first")
    return ["--data", f"synthetic:{tmp_path / 'data'}"]


@pytest.fixture
def sweep(cli, small, tmp_path):
    """The folder of a sweep of three trials: the first is poor, the last one fails."""
    fixed = ("units=4", "scale=1.0", "normalized=false", "deep=0", "groups=1")
    words = [word for each in fixed for word in ("--space", each)]
    result = cli("tune", "run", "small", *small, "--out", tmp_path / "sweep", "--tuner", "grid",
                 "--set", "learning_rate=0.001", *words,
                 "--space", "learning_rate=[0.001, 0.05, 1e30]")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    return tmp_path / "sweep"


def test_the_report_is_printed_and_written(cli, sweep):
    result = cli("tune", "report", sweep)
    assert result.exit_code == 0, result.stderr
    assert "Best of 3 trials" in result.stdout
    assert "learning_rate=0.05" in result.stdout
    assert "diverged" in result.stdout
    assert "Importance can't be told: 2 completed trials are too few" in result.stdout
    assert f"report: {sweep / 'report.md'}" in result.stderr
    assert f"tensorboard --logdir {sweep / 'tensorboard'}" in result.stderr
    found = json.loads(cli("tune", "report", sweep, "--json").stdout)
    assert found == json.loads((sweep / "report.json").read_text())
    assert found["headline"]["value"] == Sweep(sweep).best.score


def test_the_winner_is_trained_beside_the_start(cli, sweep, tmp_path):
    out = tmp_path / "out"
    result = cli("train", "small", "--from-sweep", sweep, "--out", out, "--seeds", 2)
    assert result.exit_code == 0, result.stderr
    assert "winner − start" in result.stdout
    assert "Student's t, two-sided, 2 seeds" in " ".join(result.stdout.split())
    assert "[1/4] winner, seed 1: " in result.stderr
    folders = [str(out / "winner" / f"seed-{seed}") for seed in (1, 2)]
    assert result.stderr.splitlines()[-1].endswith(" ".join(folders))
    assert Run(out / "winner" / "seed-1").config.learning_rate == 0.05
    assert Run(out / "start" / "seed-2").config.learning_rate == 0.001
    again = cli("train", "--from-sweep", sweep, "--out", out, "--seeds", 2, "--json")
    assert "epoch" not in again.stderr  # nothing is trained again
    assert json.loads(again.stdout) == json.loads((out / "report.json").read_text())


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--seed", 3], "--seed doesn't go with --from-sweep"),
        (["--preset", "paper"], "--preset doesn't go with --from-sweep"),
        (["--from-run", "run"], "--from-run doesn't go with --from-sweep"),
        (["--set", "learning_rate=1"], "option 'learning_rate' tells winner and start apart"),
        (["--set", "learning_rat=1"], "unknown option 'learning_rat'; did you mean"),
    ],
)
def test_options_that_do_not_go_together(refused, sweep, tmp_path, more, message):
    assert message in refused("train", "--from-sweep", sweep, "--out", tmp_path / "out", *more)
    assert not (tmp_path / "out").exists()


def test_sweeps_that_do_not_fit(refused, cli, sweep, small, tmp_path):
    out = tmp_path / "out"
    line = refused("train", "ti-avc", "--from-sweep", sweep, "--out", out)
    assert line == f"{sweep} is a sweep of 'small', not of 'ti-avc'"
    empty = tmp_path / "empty"
    cli("tune", "run", "small", *small, "--out", empty, "--max-minutes", 0)
    assert "no trial has completed" in refused("train", "--from-sweep", empty, "--out", out)
    for words in (["train", "--out", out, "--from-sweep"], ["tune", "report"]):
        assert refused(*words, tmp_path) == f"{tmp_path}: no sweep folder (it holds no sweep.json)"
    assert "holds a sweep" in refused("train", "--from-sweep", sweep, "--out", sweep)
    assert "--seeds goes with --from-sweep" in refused("train", "small", "--out", out, "--seeds", 2)
    assert not out.exists()
