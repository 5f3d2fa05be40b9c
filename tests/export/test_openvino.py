"""Exports seen by a stranger: OpenVINO loads their `serving_default` as it is, and says the same.

It runs without TensorFlow, in an environment of its own, which `make test-all` makes.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.export.savedmodel import export
from kavc.systems.registry import get, names

# Each case exports a network and starts another process: some seconds each.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-openvino" / "bin" / "python"
TOLERANCE = 1e-6  # absolute, for probabilities and cosines: seen 3e-7, sums in another order
SMALL = {
    "ti-avc": {
        "themes": 3, "audio_dim": 4, "visual_dim": 5,
        "embedding_dim": 6, "filters": 6, "units": 6,
    },
    "cross-modal-embedding": {
        "classes": 5, "audio_dim": 8, "visual_dim": 12, "audio_units_1_2": 16,
        "audio_units_3_4": 8, "visual_units_1_2": 16, "visual_units_3_4": 8, "embedding_dim": 6,
        "coordinates": 8, "units": 16,
    },
}  # fmt: skip
CASES = {
    **{
        f"{system} {preset}": (system, dict(values))
        for system in names()
        for preset, values in get(system).Config.PRESETS.items()
        # Such a network embeds neither modality without the other, and can't be exported.
        if values.get("input_norm") != "joint"
    },
    **{
        f"ti-avc {name}={value}": ("ti-avc", {name: value})
        for name, values in {
            "variant": ("joint", "baseline-1", "baseline-2"),
            "attention": ("seq_additive", "mha", "weighted"),
        }.items()
        for value in values
    },
}
SIZES = [(1, 1, 1), (1, 31, 8), (3, 4, 2), (17, 9, 30)]


@pytest.fixture(scope="module", autouse=True)
def _environment():
    if not PYTHON.exists():
        pytest.skip(f"no {PYTHON.relative_to(ROOT)}; `make test-all` makes it")
    missing = subprocess.run([PYTHON, "-c", "import tensorflow"], capture_output=True)
    assert missing.returncode, "the environment must not see TensorFlow"


def network_of(system, values):
    """A network whose weights are large enough for its answers to differ."""
    small = SMALL[system] | ({"kernel_features": 32} if values.get("kernel_features") else {})
    config = get(system).Config(**values | small)
    keras.utils.set_random_seed(1)
    network = get(system).build(config)
    draw = np.random.default_rng(0)
    for weight in network.weights:
        if weight.dtype == "float32":
            weight.assign(weight + 0.3 * draw.normal(size=weight.shape))
    return network, config


def request(signature, size, steps, frames):
    """Draws inputs; lengths from the least that is allowed on."""
    draw = np.random.default_rng([size, steps, frames])
    times = {"audio": steps, "visual": frames}

    def array(name, field):
        if name == "theme":
            return draw.integers(0, 3, size)
        if name.endswith("_length"):
            longest = times[name.removesuffix("_length")]
            return draw.integers(int(name.startswith("visual")), longest + 1, size)
        return draw.normal(size=(size, *(n or times[name] for n in field.shape)))

    return {
        name: array(name, field).astype(field.dtype) for name, field in signature.inputs.items()
    }


@pytest.mark.parametrize("case", CASES)
def test_it_answers_as_tensorflow_does(case, tmp_path):
    system, values = CASES[case]
    network, config = network_of(system, values)
    signatures = get(system).signatures(network, config)
    version = export(
        network, signatures, tmp_path, name="m", card="", assets={"themes.txt": "a\nb\nc\n"}
    )
    folders = {name: tmp_path / name for name in ("inputs", "outputs")}
    for folder in folders.values():
        folder.mkdir()
    serve = tf.saved_model.load(version).signatures["serving_default"]
    expected = {}
    for sizes in SIZES:
        inputs = request(signatures["serving_default"], *sizes)
        name = f"{'-'.join(map(str, sizes))}.npz"
        np.savez(folders["inputs"] / name, **inputs)
        answers = serve(**{key: tf.constant(value) for key, value in inputs.items()})
        expected[name] = {key: value.numpy() for key, value in answers.items()}
    script = Path(__file__).with_name("openvino_answers.py")
    done = subprocess.run(
        [PYTHON, script, version, folders["inputs"], folders["outputs"]],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for name, answers in expected.items():
        with np.load(folders["outputs"] / name) as found:
            assert set(found.files) == set(answers)
            for key, value in answers.items():
                assert (found[key].shape, found[key].dtype) == (value.shape, value.dtype)
                np.testing.assert_allclose(found[key], value, atol=TOLERANCE, rtol=0)
