"""One SIGKILL in the quick suite; tests/end_to_end/test_kill.py has twenty, on a real system."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from kavc.training.fit import train

# Trains the system of tiny.py and says after each epoch that it is done.
TRAINER = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("kavc_tests_tiny", sys.argv[1])
sys.modules[spec.name] = tiny = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny)
from kavc.data.source import Source
from kavc.systems import registry
registry.SYSTEMS["tiny"] = ("kavc_tests_tiny", "TinySystem")
from kavc.training.fit import train
train(tiny.TinySystem(), Source("synthetic", sys.argv[2]), sys.argv[3], seed=3,
      overrides={"epochs": 20, "patience": 20},
      after_epoch=lambda stage, state: print(stage.name, state.epoch, flush=True))
"""


def test_a_killed_training_ends_with_the_same_weights(system, source, tmp_path):
    options = {"epochs": 20, "patience": 20}
    whole = train(system, source, tmp_path / "whole", seed=3, overrides=options)
    out = tmp_path / "killed"
    command = [sys.executable, "-c", TRAINER, Path(__file__).with_name("tiny.py"), tmp_path, out]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(7)]
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert lines[-1] == "first 7\n"
    assert not (out / "model.keras").exists()
    resumed = train(system, source, out, seed=3, overrides=options, resume=True)
    for a, b in zip(whole.network.get_weights(), resumed.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (out / "history.csv").read_text() == (whole.path / "history.csv").read_text()
