"""A training that is killed by SIGKILL at any moment ends, once resumed, with the same bits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 20


@pytest.mark.slow  # some minutes: 20 trainings, each killed once or more
@pytest.mark.parametrize("case", ["ti-avc", "refinement"])
def test_killed_trainings_end_as_if_nothing_had_happened(case, tmp_path):
    """In a process of its own, which alone can fork before TensorFlow works."""
    out = tmp_path / "result.json"
    command = [sys.executable, Path(__file__).with_name("kill.py"), "--kills", str(KILLS),
               "--case", case, "--folder", tmp_path / "runs", "--out", out]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert result["kills"] >= result["trainings"] == KILLS
    assert [name for outcome in result["outcomes"] for name in outcome["unreadable"]] == []
    assert result["trainings_equal_bit_by_bit"] == KILLS
