"""The same tests of layers and networks on the JAX backend, each set in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Of what holds for every network: what takes another way through Keras on another backend.
NETWORKS = "foreign or left_out or optimiser"
SETS = {
    "layers": [HERE.parents[1] / "layers"],
    "golden": [HERE / "test_golden.py"],
    "networks": [HERE / "test_networks.py", "-k", NETWORKS],
    "parts": [HERE / "test_subnetworks.py", HERE / "test_trainees.py"],
}


@pytest.mark.slow  # A minute each: XLA compiles every shape.
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
@pytest.mark.parametrize("arguments", SETS.values(), ids=SETS)
def test_on_jax(arguments):
    environment = {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=HERE.parents[2],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
