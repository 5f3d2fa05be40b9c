"""A training that is killed by SIGKILL at any moment ends, once resumed, with the same bits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def killed(kills, variant, folder):
    """Runs kill.py in a process of its own, which alone can fork before TensorFlow works."""
    out = folder / "result.json"
    command = [sys.executable, Path(__file__).with_name("kill.py"), "--kills", str(kills),
               "--variant", variant, "--folder", folder / "runs", "--out", out]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text())


@pytest.mark.parametrize(
    ("kills", "variant"),
    [
        (1, "baseline-1"),
        pytest.param(20, "ti-avc", marks=pytest.mark.slow),  # some minutes
    ],
)
def test_killed_trainings_end_as_if_nothing_had_happened(tmp_path, kills, variant):
    result = killed(kills, variant, tmp_path)
    assert result["kills"] >= result["trainings"] == kills
    assert [name for outcome in result["outcomes"] for name in outcome["unreadable"]] == []
    assert result["trainings_equal_bit_by_bit"] == kills
