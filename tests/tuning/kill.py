"""Kills sweeps of the system of small.py by SIGKILL, resumes them, and prints what they end with.

    python tests/tuning/kill.py FOLDER TUNER ...

Each sweep is a process of its own, forked before TensorFlow has begun to work. For each tuner there
is one that nobody kills, and one that is killed in the middle of a trial.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from kavc.systems import registry
from kavc.tuning.run import run_sweep
from kavc.tuning.settings import SweepSettings
from kavc.tuning.sweep import Sweep
from kavc.tuning.tuner import Listener

TRIALS = 5
SPACE = {"scale": 1.0, "normalized": False, "groups": 1}
SETTINGS = {
    "random": {"trials": TRIALS},
    "grid": {"trials": TRIALS, "space": SPACE | {"learning_rate": [0.01, 0.05]}},
    "bayesian": {"trials": TRIALS},  # from the fourth trial on by the Gaussian process
    "hyperband": {"set": {"epochs": 3}},  # six trials, of which the fourth is a promoted one
}
EPOCHS = 2
KILLED_IN = {"random": 3, "grid": 3, "bayesian": 5, "hyperband": 4}  # number of the trial
LIMIT = 300  # seconds after which a sweep counts as hung


class Told(Listener):
    """Writes to a pipe after the first epoch of one trial, and waits there for the kill."""

    def __init__(self, pipe: int, number: int | None):
        self.pipe = pipe
        self.number = number

    def on_epoch_end(self, trial, stage, state):
        if trial.number == self.number:
            os.write(self.pipe, b".")
            time.sleep(LIMIT)


def begin(tuner: str, folder: Path, out: Path, killed_in: int | None = None) -> tuple[int, int]:
    """Starts a sweep, or goes on with one; returns its process and its pipe."""
    mine, theirs = os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        return pid, mine
    signal.alarm(LIMIT)
    try:
        given = {"space": SPACE, "set": {"epochs": EPOCHS}} | SETTINGS[tuner]
        settings = SweepSettings("small", f"synthetic:{folder / 'data'}", tuner=tuner, **given)
        run_sweep(settings, out, resume=True, listener=Told(theirs, killed_in))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def end(pid: int, pipe: int) -> None:
    """Waits for a sweep's end."""
    _, status = os.waitpid(pid, 0)
    os.close(pipe)
    if status:
        raise RuntimeError(f"the sweep ended with status {status}")


def kill(pid: int, pipe: int) -> None:
    """Kills a sweep in the trial that it waits in."""
    os.read(pipe, 1)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(pipe)
    if status != signal.SIGKILL:
        raise RuntimeError(f"the sweep ended by itself, with status {status}")


def contents(out: Path) -> list[dict]:
    """Returns what decides a reader's view of the trials: all but the times."""
    return [
        {name: getattr(trial, name) for name in ("number", "status", "values", "options", "budget",
                                                 "score", "best_epoch", "reason", "curve")}
        for trial in Sweep(out).trials
    ]  # fmt: skip


def main() -> None:
    spec = importlib.util.spec_from_file_location(
        "kavc_tests_small", Path(__file__).with_name("small.py")
    )
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    registry.SYSTEMS["small"] = ("kavc_tests_small", "SmallSystem")
    folder = Path(sys.argv[1])
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "corpus.json").write_text("first")
    found = {}
    for tuner in sys.argv[2:]:
        whole, killed = folder / f"{tuner}-whole", folder / f"{tuner}-killed"
        end(*begin(tuner, folder, whole))
        kill(*begin(tuner, folder, killed, KILLED_IN[tuner]))
        end(*begin(tuner, folder, killed))
        found[tuner] = {"whole": contents(whole), "killed": contents(killed)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
