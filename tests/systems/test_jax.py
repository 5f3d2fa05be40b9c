"""The tests of what needs no TensorFlow, on the JAX backend, each set in a process of its own.

`contract/test_networks.py` compares every system's networks on both backends.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kavc.systems.registry import PACKAGES

HERE = Path(__file__).parent
TESTS = HERE.parent
# Of the modules that import-linter keeps free of TensorFlow, and of the golden arrays.
FREE = ("golden", "networks", "subnetworks", "trainees")
SETS = {
    "tiny networks": [TESTS / "media" / "networks" / "test_tiny.py"],
    "layers and losses": [TESTS / "layers", TESTS / "losses", TESTS / "test_optimizers.py"],
    **{
        package: [file for name in FREE if (file := HERE / package / f"test_{name}.py").is_file()]
        for package in PACKAGES
    },
}


@pytest.mark.slow  # A minute each: XLA compiles every shape.
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
@pytest.mark.parametrize("files", SETS.values(), ids=SETS)
def test_on_jax(files):
    environment = {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files)],
        cwd=TESTS.parent,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
