"""A sweep that is killed by SIGKILL in the middle of a trial ends with the same trials."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kavc.tuning.settings import TUNERS


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory) -> dict:
    """Runs kill.py: a process of its own, which alone can fork before TensorFlow works."""
    script, folder = Path(__file__).with_name("kill.py"), tmp_path_factory.mktemp("kill") / "out"
    command = [sys.executable, script, folder, *TUNERS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("tuner", TUNERS)
def test_a_killed_sweep_ends_with_the_same_trials(tuner, sweeps):
    found = sweeps[tuner]
    assert found["killed"] == found["whole"]
    assert [trial["number"] for trial in found["whole"]] == list(range(1, len(found["whole"]) + 1))
    assert {trial["status"] for trial in found["whole"]} == {"completed"}
    assert len({json.dumps(trial["values"]) for trial in found["whole"]}) > 3
    if tuner == "hyperband":
        assert len({trial["budget"] for trial in found["whole"]}) > 1
