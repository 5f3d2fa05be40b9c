"""The client: what it finds itself, what it says of a server's answers."""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError, ServingError
from kavc.serving.client.blocking import Client
from kavc.serving.client.discovery import Signatures, VersionStatus
from kavc.serving.signature import SignatureInfo, TensorInfo


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


def test_lists_of_whole_numbers_are_floats(client, tiny, network):
    inputs = tiny.batch(3, 5) | {"audio": np.ones((3, 5, 4), "float32")}
    found = client.predict("tiny", inputs | {"audio": np.ones((3, 5, 4), int).tolist()})
    for name, value in tiny.answers(network, inputs).items():
        np.testing.assert_allclose(found[name], value, atol=1e-6, rtol=0)


def test_signatures_and_status(client):
    found = client.signatures("tiny")
    assert (found.model, found.version, set(found)) == ("tiny", 2, {"serving_default", "echo"})
    assert found["serving_default"].inputs["audio"] == TensorInfo("float32", (None, None, 4))
    assert found["serving_default"].outputs["match"] == TensorInfo("float32", (None,))
    for line in ("tiny, version 2", r"  echo", r"    input   audio +float32 \(\?, \?, 4\)"):
        assert re.search(f"^{line}$", str(found), re.MULTILINE), line
    assert client.status("tiny")[2] == VersionStatus("AVAILABLE")


def test_many_functions_are_shown_each_with_its_own():
    one = TensorInfo("float32", ())
    functions = {f"f{n:04}": SignatureInfo({"x": one, "z": one}, {"y": one}) for n in range(1000)}
    lines = str(Signatures("m", None, functions)).splitlines()
    assert len(lines) == 1 + 4 * 1000
    assert lines[-4:] == [
        "  f0999",
        "    input   x  float32 ()",
        "    input   z  float32 ()",
        "    output  y  float32 ()",
    ]


def test_answers_are_the_callers_own(client, tiny):
    for inputs, signature in ((tiny.batch(2, 3), "serving_default"), ({"word": ["a"]}, "echo")):
        for value in client.predict("tiny", inputs, signature=signature).values():
            assert value.flags.writeable and value.flags.owndata


def test_a_large_batch_is_cut_and_answered_as_one(client, tiny, network):
    """2.4 MB for a server that takes 1 MiB; the steps vary, and parts share the padded length."""
    inputs = tiny.batch(1500, 100)
    outputs = client.predict("tiny", inputs, timeout=60)
    some = slice(0, 1500, 97)
    part = {name: value[some] for name, value in inputs.items()}
    for name, value in tiny.answers(network, part).items():
        np.testing.assert_allclose(outputs[name][some], value, atol=1e-6, rtol=0)
    assert outputs["match"].shape == (1500,)


def test_threads_share_a_client(server, tiny, network):
    batches = [tiny.batch(50, 5, seed=seed) for seed in range(16)]
    with (
        Client(server.address, max_message_bytes=2000) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        found = list(pool.map(lambda inputs: client.predict("tiny", inputs), batches))
    for outputs, inputs in zip(found, batches, strict=True):
        expected = tiny.answers(network, inputs)["match"]
        np.testing.assert_allclose(outputs["match"], expected, atol=1e-6, rtol=0)


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
        (
            {"audio": np.full((3, 5, 4), 7, "uint8")},
            r"uint8 \(3, 5, 4\).*: floats; dequantise",
        ),
        ({"audio": np.ones((3, 5, 4), bool)}, r"'audio' is bool .*: floats; dequantise"),
        ({"audio": np.full((3, 5, 4), 255).tolist()}, r"'audio' is int64 .*: floats; dequantise"),
        ({"theme": [1, 2]}, "batch size: 'audio' has 3, 'length' has 3, 'theme' has 2"),
    ],
)
def test_bad_inputs_are_found_before_they_are_sent(client, tiny, change, message):
    inputs = {k: v for k, v in {**tiny.batch(3, 5), **change}.items() if v is not None}
    with pytest.raises(DataError, match=message):
        client.predict("tiny", inputs)


def test_unknown_signature_model_and_version(client, tiny):
    with pytest.raises(ConfigError, match=r"unknown signature 'serve'.*serving_default"):
        client.predict("tiny", {}, signature="serve")
    for asked in ({"model": "other"}, {"model": "tiny", "version": 0}):
        with pytest.raises(ServingError, match="refused, NOT_FOUND: Servable not found") as caught:
            client.predict(inputs=tiny.batch(1, 1), **asked)
        assert caught.value.code == "NOT_FOUND"
    assert str(caught.value).endswith("; versions there: 2 AVAILABLE")


def test_a_version_0_is_served_and_asked_for(models_dir, tiny, tmp_path):
    from kavc.serving.server.local import LocalServer

    (tmp_path / "zero").mkdir()
    (tmp_path / "zero" / "0").symlink_to(models_dir / "tiny" / "1")
    with LocalServer(tmp_path, port=0) as server, Client(server.address) as client:
        for version in (0, None):
            assert client.signatures("zero", version).version == 0
            found = client.predict("zero", {"word": ["a"]}, version=version)
            assert found["word"].tolist() == [b"a"]
        with pytest.raises(ServingError, match="NOT_FOUND"):
            client.signatures("zero", 1)


@pytest.mark.parametrize("version", [-1, 2**63])
def test_a_number_that_no_version_has(client, tiny, version):
    for ask in (client.signatures, client.status):
        with pytest.raises(ConfigError, match=rf"version is {version}; expected 0 to \d+"):
            ask("tiny", version)
    with pytest.raises(ConfigError, match=rf"version is {version}; expected 0 to \d+"):
        client.predict("tiny", tiny.batch(1, 1), version=version)


def test_the_graphs_refusal_is_passed_on(client, tiny):
    inputs = {**tiny.batch(1, 1), "theme": [3]}
    with pytest.raises(
        ServingError, match=r"INVALID_ARGUMENT: .*(theme out|not in \[0, 3)"
    ) as caught:
        client.predict("tiny", inputs)
    assert caught.value.code == "INVALID_ARGUMENT"


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


@pytest.mark.parametrize("address", ["", "localhost", ":8500", "host:", "host:x", "host:70000"])
def test_addresses(address):
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        Client(address)


ASKING = """
import asyncio, sys
import numpy as np
from kavc.serving import AsyncClient, Client
from kavc.serving.client.cast import cast
from kavc.serving.signature import TensorInfo

with Client(sys.argv[1]) as client:
    said = client.predict("tiny", {"word": ["\u00fc"]}, signature="echo")
    print(said["word"][0].decode(), client.health(), *client.status("tiny"))
    print(*client.signatures("tiny"))

async def ask():
    async with AsyncClient(sys.argv[1]) as client:
        return await client.predict("tiny", {"word": ["b"]}, signature="echo")

print(asyncio.run(ask())["word"])
print(cast(np.ones(2), TensorInfo("bfloat16", (None,)), "x").dtype)
"""


def test_a_client_needs_no_tensorflow(alone, server, client):
    assert alone(server.address, code=ASKING).splitlines() == [
        " ".join(["\u00fc", "SERVING", *map(str, client.status("tiny"))]),
        " ".join(client.signatures("tiny")),
        "[b'b']",
        "bfloat16",
    ]
