"""The processes of a shared sweep, played by commands that train nothing."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from kavc.errors import ConfigError, KavcError, ServingError
from kavc.tuning.attempt import Limits
from kavc.tuning.distribute import crew as crews
from kavc.tuning.distribute.crew import Crew
from kavc.tuning.distribute.launcher import run_shared, terminable
from kavc.tuning.settings import SweepSettings

SETTINGS = SweepSettings("small", "synthetic:corpus")
PRELUDE = """
import os, pathlib, signal, sys, time

words = sys.argv[1:]
notes = pathlib.Path(os.environ["NOTES"])

def listen():
    pathlib.Path(words[words.index("--socket") + 1]).touch()

def wait_for(name):
    while not (notes / name).exists():
        time.sleep(0.02)
"""


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """A folder in which the commands leave notes."""
    folder = tmp_path / "notes"
    folder.mkdir()
    monkeypatch.setenv("NOTES", str(folder))
    return folder


@pytest.fixture
def crew(notes, tmp_path):
    """Makes a crew of a chief and one worker, which run `body`; it is ended after the test."""
    made = []

    def make(body, report=lambda line: None, limits=None):
        out, folder = tmp_path / "sweep", tmp_path / "crew"
        out.mkdir(), folder.mkdir()
        command = (sys.executable, "-c", PRELUDE + body)
        limits = limits or Limits()
        made.append(Crew(SETTINGS, out, folder, [{}], False, limits, report, command))
        made[0].start_chief()
        return made[0]

    yield make
    for each in made:
        each.stop()


def test_a_chief_that_is_killed_before_it_listens(crew, notes):
    """It is started again, not as if it had begun the sweep, and then the workers begin."""
    said = []
    made = crew(
        """
if words[1] == "work":
    (notes / "worked").write_text(os.environ["TMPDIR"])
elif not (notes / "first").exists():
    (notes / "first").touch()
    os.kill(os.getpid(), signal.SIGKILL)
else:
    assert "--resume" not in words
    listen()
    wait_for("worked")
""",
        said.append,
    )
    made.watch()
    assert said == ["the chief was killed by SIGKILL: it is started again"]
    # What a worker leaves there goes with the crew's own folder.
    temporary = Path((notes / "worked").read_text())
    assert temporary == made.folder / "w1"
    assert temporary.is_dir()


def test_a_chief_that_is_killed_again_and_again(crew):
    made = crew("os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(KavcError, match="the chief ended with SIGKILL"):
        made.watch()


def test_a_chief_that_never_listens(crew, monkeypatch):
    monkeypatch.setattr(crews, "GRACE", 0.1)
    made = crew("time.sleep(60)", limits=Limits(minutes=0))
    with pytest.raises(ServingError, match="the chief did not end when the sweep's time was up"):
        made.watch()


def test_a_refused_worker_is_not_started_again(crew):
    said = []
    made = crew(
        """
if words[1] == "work":
    sys.stderr.write("error: the chief refuses this worker")
    sys.exit(2)
listen()
time.sleep(1.5)
""",
        said.append,
    )
    made.watch()
    assert said == ["w1 ended with exit code 2: the chief refuses this worker"]


def test_a_chief_talks_on_where_the_terminal_is_closed(crew):
    """If its words stayed in the pipe, it would wait for ever to say them."""

    def closed(line):
        raise BrokenPipeError(line)

    made = crew('sys.stderr.write("a line\\n" * 100_000)', closed)
    began = time.monotonic()
    made.watch()
    assert time.monotonic() - began < 60


def test_a_gpu_without_a_name(tmp_path):
    with pytest.raises(ConfigError, match=r"^GPUs '0,,1': one has no name; name them as 0,1$"):
        run_shared(SETTINGS, tmp_path / "sweep", 3, gpus=["0", "", "1"])
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_closed_terminal_interrupts_as_sigterm_does(number):
    before = signal.signal(number, signal.SIG_DFL)  # where the tests themselves run under nohup
    try:
        with pytest.raises(KeyboardInterrupt), terminable():
            os.kill(os.getpid(), number)
            time.sleep(20)
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_nohup_is_heeded():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminable():
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.05)
    finally:
        signal.signal(signal.SIGHUP, before)
