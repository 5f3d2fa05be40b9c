"""What a server says of a model and of itself is outside text: the same for both clients."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from kavc.errors import DataError, ServingError
from kavc.serving import protos
from kavc.serving.client.discovery import VersionStatus

spec = importlib.util.spec_from_file_location("fake", Path(__file__).parent / "fake.py")
fake = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fake)

Fake, Refusal, serving, ask, ONE = fake.Fake, fake.Refusal, fake.serving, fake.ask, fake.ONE
pytestmark = fake.CLIENTS
TENSOR = ("float32", (-1, -1))


def refused(connect, server, method="signatures", *arguments) -> str:
    with (
        serving(server) as address,
        connect(address) as client,
        pytest.raises(ServingError) as caught,
    ):
        client(method, "fake", *arguments)
    assert caught.value.code == "INTERNAL"
    assert str(caught.value).isprintable()
    return str(caught.value).replace(address, "SERVER")


def telling(functions, **spec):
    """Returns a server whose metadata are functions, and what they say of who tells them."""
    server = Fake()
    response = protos.GetModelMetadataResponse(model_spec=spec)
    if isinstance(functions, bytes):
        name = protos.SignatureDefMap.DESCRIPTOR.full_name
        response.metadata["signature_def"].type_url = f"type.googleapis.com/{name}"
        response.metadata["signature_def"].value = functions
    else:
        packed = protos.SignatureDefMap(signature_def=functions)
        response.metadata["signature_def"].Pack(packed)
    server.GetModelMetadata = lambda request, context: response
    return server


@pytest.mark.parametrize("method", ["signatures", "predict"])
@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"x": ("undefined", ())}, "input 'x' has dtype 9999, which TensorFlow hasn't"),
        ({"x": ("float32", (1,) * 300)}, "input 'x' has 300 axes; expected at most 254"),
        ({"x": ("float32", (-9,))}, "input 'x' has an axis of size -9; expected -1 for any size"),
    ],
)
def test_a_signature_that_cannot_be_read(connect, method, tensors, message):
    server = telling({"f\x1b": fake.signature(tensors, {"y": TENSOR})})
    line = refused(connect, server, method, *([{}] if method == "predict" else []))
    assert line == rf"SERVER sent a signature that can't be read: 'f\x1b': {message}"


def test_functions_that_are_no_functions(connect):
    assert "can't be read: " in refused(connect, telling(b"\xff\xff"))
    many = {str(n): fake.signature({}, {}) for n in range(1001)}
    line = "SERVER sent a signature that can't be read: 1,001 functions; expected at most 1,000"
    assert refused(connect, telling(many)) == line


@pytest.mark.parametrize(
    ("spec", "asked", "message"),
    [
        ({"name": "\x1bother"}, [], r"model '\x1bother' answered for 'fake'"),
        ({"version": {"value": 3}}, [2], "version 3 of 'fake' answered for version 2"),
        ({"version": {"value": -3}}, [], "version -3 of 'fake' answered for the latest one"),
    ],
)
def test_metadata_of_another_model(connect, spec, asked, message):
    assert refused(connect, telling({}, **spec), "signatures", *asked) == message


def test_a_dtype_that_no_array_has(connect):
    server = Fake(inputs={"x": TENSOR, "v": ("variant", ())})
    with pytest.raises(DataError, match=r"input 'v' is to be variant \(\), which can't be sent"):
        ask(connect, server, {"x": ONE, "v": 1})


def test_names_with_what_acts_are_escaped_where_they_are_shown(connect):
    name = "\x1b[2J\nx\u202e"
    server = telling({name: fake.signature({name: TENSOR}, {})})
    with serving(server) as address, connect(address) as client:
        found = client("signatures", "fake")
        assert found.tensors() == [(name, "input", name, "float32 (?, ?)")]
        escaped = r"\x1b[2J\nx\u202e"
        assert str(found) == f"fake\n  {escaped}\n    input   {escaped}  float32 (?, ?)"
        with pytest.raises(DataError) as caught:
            client("predict", "fake", {}, signature=name)
    assert str(caught.value) == rf"missing input '{escaped}', float32 (?, ?)"


def test_a_refusal_is_told_in_one_short_printable_line(connect):
    def answer(number, request, x):
        raise Refusal(
            "INVALID_ARGUMENT", "no\x1b[2J \r\n 2030-01-01 all\u202e is well" + 3000 * "!"
        )

    with pytest.raises(ServingError, match=r"no\\x1b\[2J 2030-01-01 all\\u202e is well!") as caught:
        ask(connect, Fake(answer))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1100


def test_why_a_version_failed_is_one_short_printable_line(connect):
    server = Fake()
    server.statuses = [(2, 50, 13, "no\x1b[2J\nfile" + 3000 * "!"), (3, -4, -5, "")]
    with serving(server) as address, connect(address) as client:
        found = client("status", "fake")
    assert found[2].message.startswith(r"no\x1b[2J file!!!")
    assert len(found[2].message) < 1100
    assert found[3] == VersionStatus("-4", "-5")


def test_the_status_of_another_version(connect):
    line = "status of version 1 of 'fake' came for version 2"
    assert refused(connect, Fake(), "status", 2) == line


def test_more_versions_than_anyone_reads(connect):
    server = Fake()
    server.statuses = [(number, 30, 0, "") for number in range(1, 3000)]

    def missing(request, context):
        context.abort(protos.grpc.StatusCode.NOT_FOUND, "none")

    server.GetModelMetadata = missing
    with (
        serving(server) as address,
        connect(address) as client,
        pytest.raises(ServingError, match="versions there: 1 AVAILABLE, 2 ") as caught,
    ):
        client("predict", "fake", {}, version=5000)
    assert str(caught.value).endswith(" 200 AVAILABLE and 2,799 more")


def test_a_state_of_health_that_nobody_knows(connect):
    class Health(protos.HealthServicer):
        def Check(self, request, context):
            return protos.HealthCheckResponse(status=77)

    def add(server):
        protos.add_HealthServicer_to_server(Health(), server)

    with serving(Fake(), more=[add]) as address, connect(address) as client:
        assert client("health") == "77"
