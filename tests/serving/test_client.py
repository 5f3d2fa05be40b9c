"""The client: what it finds itself, what it says of a server's answers."""

from __future__ import annotations

import socket
import threading

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError, ServingError
from kavc.serving.client import Client
from kavc.serving.signature import TensorInfo


def test_round_trip_with_casts(client, tiny, network):
    inputs = tiny.batch(3, 5)
    wide = {
        "audio": inputs["audio"].astype("float64"),
        "length": inputs["length"].astype("int64"),
        "theme": inputs["theme"].tolist(),
    }
    outputs = client.predict("tiny", wide)
    for name, value in tiny.answers(network, inputs).items():
        assert outputs[name].dtype == np.float32
        np.testing.assert_allclose(outputs[name], value, atol=1e-6, rtol=0)


@pytest.mark.parametrize("words", [["a", "ü"], np.array(["a", "ü"]), np.array(["a", "ü"], object)])
def test_text(client, words):
    outputs = client.predict("tiny", {"word": words}, signature="echo", version=2)
    assert [word.decode() for word in outputs["word"]] == ["a", "ü"]


def test_metadata_and_status(client):
    metadata = client.metadata("tiny")
    assert set(metadata) == {"serving_default", "echo"}
    assert metadata["serving_default"].inputs["audio"] == TensorInfo("float32", (None, None, 4))
    assert metadata["serving_default"].outputs["match"] == TensorInfo("float32", (None,))
    assert client.status("tiny") == {2: "AVAILABLE"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"adio": np.zeros(1)}, "unknown input 'adio'; did you mean 'audio'"),
        ({"theme": None}, r"missing input 'theme', int32 \(\?,\)"),
        ({"audio": np.zeros((3, 5, 9), "f")}, r"float32 \(3, 5, 9\); expected float32 \(\?, \?, 4"),
        ({"theme": np.array([0.5, 1, 1])}, r"'theme' is float64 \(3,\); expected int32"),
        ({"theme": np.array([2**40, 1, 1])}, "integers that don't fit int32"),
        ({"audio": np.full((3, 5, 4), 1e300)}, "numbers too large for float32"),
        ({"audio": [[1.0], [2.0, 3.0]]}, "ragged list"),
        ({"theme": ["a", "b", "c"]}, "'theme' is str.* expected int32"),
        ({"theme": [{}, {}, {}]}, "'theme' is object"),
    ],
)
def test_bad_inputs_are_found_before_they_are_sent(client, tiny, change, message):
    inputs = {k: v for k, v in {**tiny.batch(3, 5), **change}.items() if v is not None}
    with pytest.raises(DataError, match=message):
        client.predict("tiny", inputs)


def test_unknown_signature_model_and_version(client, tiny):
    with pytest.raises(ConfigError, match=r"unknown signature 'serve'.*serving_default"):
        client.predict("tiny", {}, signature="serve")
    for asked in ({"model": "other"}, {"model": "tiny", "version": 1}):
        with pytest.raises(ServingError, match="refused, NOT_FOUND: Servable not found") as caught:
            client.predict(inputs=tiny.batch(1, 1), **asked)
        assert caught.value.code == "NOT_FOUND"


def test_the_graphs_refusal_is_passed_on(client, tiny):
    inputs = {**tiny.batch(1, 1), "theme": [3]}
    with pytest.raises(
        ServingError, match=r"INVALID_ARGUMENT: .*(theme out|not in \[0, 3)"
    ) as caught:
        client.predict("tiny", inputs)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_new_version_with_other_inputs_is_noticed(client, server, tiny, models_dir):
    """Metadata is remembered; a refusal on that ground is checked with the server."""
    from kavc.serving.catalogue import Model

    with pytest.raises(DataError):
        client.predict("tiny", {"word": ["a"]})
    server.catalogue.add(Model("tiny", 3, models_dir / "tiny" / "1"))
    try:
        assert client.predict("tiny", {"word": ["a"]})["word"].tolist() == [b"a"]
    finally:
        server.catalogue.remove("tiny", 3)


def test_no_server():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, not listening: nobody answers and nobody can
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with (
            Client(address) as client,
            pytest.raises(ServingError, match=f"no server answers at {address}") as caught,
        ):
            client.status("tiny")
    assert caught.value.code == "UNAVAILABLE"


def test_deadline(client, server, tiny):
    done = threading.Event()

    class Slow:
        name, version = "slow", 1
        definitions = server.catalogue.get("tiny").definitions

        def predict(self, request, signature):
            done.wait(10)

    server.catalogue.add(Slow())
    try:
        with pytest.raises(ServingError, match=r"did not answer within 0\.2 s") as caught:
            client.predict("slow", tiny.batch(1, 1), timeout=0.2)
        assert caught.value.code == "DEADLINE_EXCEEDED"
    finally:
        done.set()
        server.catalogue.remove("slow", 1)


@pytest.mark.parametrize("address", ["", "localhost", ":8500", "host:", "host:x", "host:70000"])
def test_addresses(address):
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        Client(address)
