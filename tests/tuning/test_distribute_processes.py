"""Chief and workers as processes: who is killed, who comes back, and that all of them end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from kavc.errors import KavcError
from kavc.tuning.attempt import Limits
from kavc.tuning.distribute.launcher import run_shared
from kavc.tuning.settings import SweepSettings
from kavc.tuning.sweep import Sweep

SCRIPT = str(Path(__file__).with_name("shared.py"))
KAVC = (sys.executable, SCRIPT)
LIMIT = 240  # seconds after which something counts as hung


@pytest.fixture
def settings(system, data):
    def make(trials, **given):
        return SweepSettings(
            "small", data, tuner="random", trials=trials, set={"epochs": 3}, **given
        )

    return make


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    """Epochs that last, so that a kill comes in the middle of a trial."""
    monkeypatch.setenv("EPOCH_SECONDS", "0.7")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")


class Lines(list):
    """What a launcher reports; `wait` lets another thread wait for a line."""

    def wait(self, text: str, after: int = 0) -> int:
        until = time.monotonic() + LIMIT
        while time.monotonic() < until:
            for index, line in enumerate(self[after:], after):
                if text in line:
                    return index + 1
            time.sleep(0.05)
        raise TimeoutError(f"no {text!r} in {self}")


def kill(*words: str) -> None:
    """Kills the child of this process whose command holds these words, one after another."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode().split("\0")
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == os.getpid() and " ".join(words) in " ".join(command):
            os.kill(int(process.name), signal.SIGKILL)
            return
    raise LookupError(words)


def test_a_worker_and_the_chief_are_killed_and_the_sweep_ends(settings, tmp_path):
    lines = Lines()

    def kills():
        began = lines.wait("[2/6]")  # both are at work
        kill("--id w1")
        again = lines.wait("w1 joins", began)
        lines.wait("[", again)
        kill("tune chief")

    killer = threading.Thread(target=kills, daemon=True)
    killer.start()
    sweep = run_shared(settings(6), tmp_path / "sweep", 2, report=lines.append, command=KAVC)
    killer.join(1)
    assert not killer.is_alive()
    assert [trial.status for trial in sweep.trials] == ["completed"] * 6
    assert sorted(trial.attempts for trial in sweep.trials) == [1] * 5 + [2]
    assert "w1 ended with SIGKILL: it is started again" in lines
    assert any(line.startswith("w1 was started again: trial") for line in lines)
    assert "the chief was killed by SIGKILL: it is started again" in lines
    assert lines[-1] == "the sweep is over: ended"
    assert {path.name for path in (sweep.path / "logs").iterdir()} == {"w1.log", "w2.log"}
    assert "the sweep is over: ended" in (sweep.path / "logs" / "w1.log").read_text()


@pytest.mark.slow  # four processes that import TensorFlow, twice
def test_time_is_up_and_the_sweep_is_resumed_by_other_workers(settings, tmp_path):
    out, lines = tmp_path / "sweep", Lines()
    given = settings(6)
    sweep = run_shared(given, out, 2, limits=Limits(minutes=0.4), report=lines.append, command=KAVC)
    assert lines[-1] == "the sweep is over: time is up"
    assert all(trial.attempts == 0 for trial in sweep.trials if trial.status == "running")
    sweep = run_shared(given, out, 1, resume=True, report=lines.append, command=KAVC)
    assert [trial.status for trial in sweep.trials] == ["completed"] * 6
    assert {trial.attempts for trial in sweep.trials} == {1}


@pytest.mark.slow  # processes that import TensorFlow
def test_what_ends_a_sweep_is_one_line(settings, tmp_path):
    with pytest.raises(KavcError, match="the first trial fails: ") as caught:
        run_shared(
            settings(4, space={"units": 5, "groups": 2}), tmp_path / "sweep", 1, command=KAVC
        )
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.slow  # processes that import TensorFlow, one after another
def test_by_hand_a_silent_worker_loses_its_trial(data, system, tmp_path):
    """Without a launcher: the chief itself finds out, and another worker trains the trial."""
    file, out, socket = tmp_path / "sweep.yaml", tmp_path / "sweep", tmp_path / "chief"
    text = {"system": "small", "data": data, "tuner": "random", "trials": 4, "set": {"epochs": 3}}
    file.write_text(yaml.safe_dump(text))

    def start(name, *words):
        with open(tmp_path / f"{name}.log", "w") as log:
            return subprocess.Popen([*KAVC, "tune", *map(str, words)], stderr=log)

    def said(name):
        return (tmp_path / f"{name}.log").read_text()

    chief = start("1", "chief", file, "--out", out, "--socket", socket, "--lost-after", "5")
    until = time.monotonic() + LIMIT
    while not socket.exists() and time.monotonic() < until:
        time.sleep(0.05)
    second = start("2", "chief", file, "--out", out, "--resume", "--port", "0")
    assert second.wait(LIMIT) == 2
    assert "another process is writing to this folder" in said("2")
    workers = [start(n, "work", "--chief", f"unix:{socket}", "--id", f"host-{n}") for n in "ab"]
    while "[2/4]" not in said("1") and time.monotonic() < until:
        time.sleep(0.05)
    workers[0].kill()
    assert [each.wait(LIMIT) for each in (*workers, chief)] == [-signal.SIGKILL, 0, 0]
    assert [trial.status for trial in Sweep(out).trials] == ["completed"] * 4
    assert "host-a gave no sign of life for 5 s: trial" in said("1")
    assert said("1").endswith("the sweep is over: ended\n")
