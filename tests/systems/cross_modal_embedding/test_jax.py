"""Networks, layers and losses on the JAX backend, in processes of their own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
# Of the largest entry. Both backends sum up to 1,024 float32 products, of 6e-8 each, in an order of
# their own; measured: 5e-7.
TOLERANCE = 1e-6
# What takes no gradient with TensorFlow.
GOLDEN = "golden_outputs or golden_options or golden_info_nce or alone or file_from_before"

pytestmark = [
    pytest.mark.slow,  # Half a minute: XLA compiles every shape.
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed"),
]


def run(backend, *arguments):
    environment = {"KERAS_BACKEND": backend, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=HERE.parents[2],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_jax_answers_as_tensorflow_does(tmp_path):
    found = {}
    for backend in ("tensorflow", "jax"):
        run(backend, HERE / "answers.py", tmp_path / f"{backend}.npz")
        with np.load(tmp_path / f"{backend}.npz") as file:
            found[backend] = dict(file)
        assert found[backend].pop("backend") == backend
    assert found["tensorflow"].keys() == found["jax"].keys()
    for name, expected in found["tensorflow"].items():
        assert found["jax"][name].dtype == expected.dtype == np.float32, name
        largest = np.abs(expected).max()
        np.testing.assert_allclose(
            found["jax"][name], expected, rtol=0, atol=TOLERANCE * largest, err_msg=name
        )


def test_golden_arrays_and_files_on_jax():
    run(
        "jax",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        HERE / "test_networks.py",
        "-k",
        GOLDEN,
    )
