"""Several devices share a batch and take the steps of one, whatever a loss is taken over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="devices are TensorFlow's")
def test_two_devices_take_the_steps_of_one(tmp_path):
    """Longer than ten seconds: four fits, in a process that counts its CPUs anew."""
    command = [sys.executable, Path(__file__).with_name("two_cpus.py"), tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "two.npz") as two:
        assert one.keys() == two.keys() and len(one) > 40
        for name in one:
            np.testing.assert_allclose(two[name], one[name], 1e-4, 1e-6, err_msg=name)
        assert one["code steps"] == one["paper steps"] == 6
