"""A client that nobody here wrote gets the same answers, status and metadata as ours.

ovmsclient brings its own copies of TensorFlow Serving's messages and no TensorFlow. It is installed
into an environment of its own, since both sets of messages may not live in one process.
"""

from __future__ import annotations

import json
import subprocess
import venv

import numpy as np
import pytest

# The environment is made anew: half a minute of installing.
pytestmark = pytest.mark.slow

REQUIREMENTS = ("ovmsclient==2023.1", "grpcio>=1.60,<2", "protobuf>=4.25", "numpy<3")
ASK = """
import json, sys
import numpy as np
from ovmsclient import make_grpc_client

address, model, inputs, outputs, wrong = sys.argv[1:]
client = make_grpc_client(address)
version = 2  # else it sends 0, by which it means the latest and TensorFlow Serving version 0
metadata = client.get_model_metadata(model, version)
found = client.predict(dict(np.load(inputs)), model, version, timeout=20)
np.savez(outputs, **found)
try:
    client.predict(dict(np.load(wrong)), model, version, timeout=20)
    refused = None
except Exception as error:
    refused = [type(error).__name__, str(error)]
unknown = []
for asked in (("nobody", version), (model, 0)):
    try:
        client.get_model_status(*asked)
    except Exception as error:
        unknown.append(type(error).__name__)
states = client.get_model_status(model, version)
status = {version: found["state"] for version, found in states.items()}
print(json.dumps({"metadata": metadata, "status": status, "refused": refused, "unknown": unknown}))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ovms") / "env"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*install, *REQUIREMENTS], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"ovmsclient can't be installed here: {done.stderr.strip().splitlines()[-1]}")
    missing = subprocess.run([python, "-c", "import tensorflow"], capture_output=True)
    assert missing.returncode, "the environment must not see TensorFlow"
    return python


@pytest.fixture(scope="module")
def told(python, server, tiny, tmp_path_factory):
    """What ovmsclient found out, and its outputs."""
    folder = tmp_path_factory.mktemp("asked")
    inputs = tiny.batch(3, 7)
    np.savez(folder / "inputs.npz", **inputs)
    np.savez(folder / "wrong.npz", **(inputs | {"audio": inputs["audio"][..., :2]}))
    done = subprocess.run(
        [
            python, "-c", ASK, server.address, "tiny",
            folder / "inputs.npz", folder / "outputs.npz", folder / "wrong.npz",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with np.load(folder / "outputs.npz") as outputs:
        return json.loads(done.stdout), inputs, dict(outputs)


def test_the_answers_are_the_same(told, client, tiny, network):
    _, inputs, outputs = told
    ours = client.predict("tiny", inputs)
    assert set(outputs) == set(ours)
    for name, value in ours.items():
        np.testing.assert_array_equal(outputs[name], value)
        np.testing.assert_allclose(value, tiny.answers(network, inputs)[name], atol=1e-6)


def test_the_status_is_the_same(told, client):
    status = told[0]["status"]
    assert {int(version): state for version, state in status.items()} == {
        version: found.state for version, found in client.status("tiny").items()
    }


def test_the_metadata_are_the_same(told, client):
    metadata = told[0]["metadata"]
    ours = client.signatures("tiny")["serving_default"]
    for kind, infos in (("inputs", ours.inputs), ("outputs", ours.outputs)):
        found = {
            name: tuple(None if size < 0 else size for size in info["shape"])
            for name, info in metadata[kind].items()
        }
        assert found == {name: info.shape for name, info in infos.items()}
    assert metadata["model_version"] == 2


def test_refusals_come_through(told):
    kind, line = told[0]["refused"]
    assert kind == "InvalidInputError"
    assert "float32 (3, 7, 2); expected float32 (?, ?, 4)" in line
    assert told[0]["unknown"] == ["ModelNotFoundError"] * 2
