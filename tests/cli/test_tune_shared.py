"""`kavc tune chief`, `work` and `run --workers`: what is refused. tests/tuning has the rest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kavc.tuning.sweep import Sweep

LIMIT = 240  # seconds after which something counts as hung
FIXED = ("batch_size=64", "embedding_dim=8", "filters=8", "kernel_size=1", "alignment_epochs=0")


@pytest.fixture
def sweep(tmp_path, tiny_corpus):
    file = tmp_path / "sweep.yaml"
    file.write_text(f"system: ti-avc\ndata: synthetic:{tiny_corpus}\n")
    return file


def test_a_worker_without_a_chief_ends_with_a_line(refused, tmp_path):
    address = f"unix:{tmp_path / 'none'}"
    line = refused("tune", "work", "--chief", address, "--id", "w1", "--wait", "0.5", code=1)
    assert line.startswith(f"no chief answers at {address}, for 0.5 s; start `kavc tune chief`")


def test_names_of_workers(refused):
    line = refused("tune", "work", "--chief", "127.0.0.1:1", "--id", "../w1")
    assert "a name has up to 40 letters, digits, - and _" in line


@pytest.mark.parametrize("address", ["nonsense", "chief:", ":8600", "127.0.0.1:99999", "unix:"])
def test_addresses_of_a_chief(refused, address):
    line = refused("tune", "work", "--chief", address, "--id", "w1")
    assert line == f"--chief {address!r}: expected HOST:PORT, as chief.example:8600"


def test_where_a_chief_listens(refused, sweep, tmp_path):
    chief = "tune", "chief", sweep, "--out", tmp_path / "sweep"
    assert "give --port, or --socket" in refused(*chief)
    assert "can't listen there" in refused(*chief, "--host", "192.0.2.1", "--port", "0", code=1)


def test_gpus_are_for_workers(refused, sweep, tmp_path):
    line = refused("tune", "run", sweep, "--out", tmp_path / "sweep", "--gpus", "0,1")
    assert "--gpus deals GPUs out to --workers" in line


@pytest.mark.slow  # a process that imports TensorFlow
def test_a_launched_sweep_is_refused_with_one_line(refused, sweep, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thing").touch()
    line = refused("tune", "run", sweep, "--out", tmp_path / "other", "--workers", "1")
    assert "not empty and no sweep folder (it holds 'thing')" in line


@pytest.mark.slow  # six processes that import TensorFlow
def test_the_launcher_is_killed_and_the_sweep_goes_on(tiny_corpus, small_options, tmp_path):
    out = tmp_path / "sweep"
    words = ["tune", "run", "ti-avc", "--data", f"synthetic:{tiny_corpus}", "--out", str(out),
             "--tuner", "random", "--trials", "3", "--space", "units=[4, 8]"]  # fmt: skip
    for name in FIXED:
        words += ["--space", name]
    for name, value in small_options.items():
        words += ["--set", f"{name}={value}"]

    def start(*more):
        environment = os.environ | {"KAVC_DEBUG": ""}
        return subprocess.Popen([sys.executable, "-m", "kavc", *words, *more], env=environment)

    launcher = start("--workers", "2")
    _wait(lambda: list(out.glob("trial_*/history.json")))
    launcher.kill()
    launcher.wait()
    _wait(lambda: not _processes(str(out)))  # the chief and the workers have ended by themselves
    left = [trial for trial in Sweep(out).trials if trial.status == "running"]
    assert all(trial.attempts == 0 for trial in left)
    assert start("--resume", "--workers", "1").wait(LIMIT) == 0
    assert [trial.status for trial in Sweep(out).trials] == ["completed"] * 3


def _wait(happened):
    until = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.1)


def _processes(word: str) -> list[int]:
    """Returns the other processes whose command holds a word, the chief's for instance."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if word in (process / "cmdline").read_text() and int(process.name) != os.getpid():
                found.append(int(process.name))
        except OSError:
            continue
    return found
