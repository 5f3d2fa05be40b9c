"""Exports seen by a stranger: OpenVINO loads their `serving_default` as it is, and says the same.

It runs without TensorFlow, in an environment of its own, which `make test-all` makes.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from contract.inputs import assert_close, draw, usual_steps

from kavc.errors import KavcError
from kavc.export import export

# Each case exports a network and starts another process: some seconds each.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-openvino" / "bin" / "python"
TOLERANCE = 1e-6  # for probabilities and cosines: seen 3e-7, sums in another order


@pytest.fixture(scope="module", autouse=True)
def _environment():
    if not PYTHON.exists():
        pytest.skip(f"no {PYTHON.relative_to(ROOT)}; `make test-all` makes it")
    missing = subprocess.run([PYTHON, "-c", "import tensorflow"], capture_output=True)
    assert missing.returncode, "the environment must not see TensorFlow"


def test_it_answers_as_tensorflow_does(variant, tmp_path):
    network = variant.network()
    try:
        signatures = variant.system.signatures(network, variant.config)
    except KavcError as error:
        pytest.skip(f"it can't be served: {error}")
    assets = {variant.system.class_file: "a\nb\n"}
    version = export(network, signatures, tmp_path, name="m", card="", assets=assets)
    serve = tf.saved_model.load(version).signatures["serving_default"]
    fields, usual = signatures["serving_default"].inputs, usual_steps(signatures)
    folders = {name: tmp_path / name for name in ("inputs", "outputs")}
    for folder in folders.values():
        folder.mkdir()
    expected = {}
    for rows, steps in ((1, dict.fromkeys(usual, 1)), (1, usual), (17, usual)):
        inputs = draw(fields, rows, steps)
        file = f"{len(expected)}.npz"
        np.savez(folders["inputs"] / file, **inputs)
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        expected[file] = {name: value.numpy() for name, value in serve(**tensors).items()}
    script = Path(__file__).with_name("openvino_answers.py")
    done = subprocess.run(
        [PYTHON, script, version, *folders.values()], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    for file, answers in expected.items():
        with np.load(folders["outputs"] / file) as found:
            assert {name: value.dtype for name, value in found.items()} == {
                name: value.dtype for name, value in answers.items()
            }
            assert_close(dict(found), answers, TOLERANCE)
