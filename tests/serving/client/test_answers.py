"""Answers that are not what the signature says, the same for both clients."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from kavc.errors import ServingError
from kavc.serving import protos, wire

spec = importlib.util.spec_from_file_location("fake", Path(__file__).parent / "fake.py")
fake = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fake)

Fake, Refusal, serving, ask = fake.Fake, fake.Refusal, fake.serving, fake.ask
LIMIT, MANY, ONE = fake.LIMIT, fake.MANY, fake.ONE

pytestmark = fake.CLIENTS
# The server's own limit, so that answers may be larger than what was sent.
LIMITS = [{}, {"max_receive_message_length": LIMIT}]
PARTS = pytest.mark.parametrize("limits", LIMITS, ids=["whole", "parts"])
WIDE = {"y": ("float32", (-1, 32))}


def refused(connect, server, **options) -> str:
    with pytest.raises(ServingError) as caught:
        ask(connect, server, MANY, **options)
    assert caught.value.code == "INTERNAL"
    line = str(caught.value)
    assert line.isprintable()
    return line


@PARTS
@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (lambda x: {"y": x.astype("float64")}, "is float64 ({rows}, 32); expected float32 (?, 32)"),
        (lambda x: {"y": x.astype(int)}, "is int64 ({rows}, 32); expected float32 (?, 32)"),
        (lambda x: {"y": x[:, :31]}, "is float32 ({rows}, 31); expected float32 (?, 32)"),
        (lambda x: {"y": x[..., None]}, "is float32 ({rows}, 32, 1); expected float32 (?, 32)"),
        (lambda x: {"y": x[0, 0]}, "is float32 (); expected float32 (?, 32)"),
        (lambda x: {"y": x[1:]}, "is float32 ({less}, 32) for {rows} rows; expected {rows} rows"),
        (lambda x: {"y": x[:0]}, "is float32 (0, 32) for {rows} rows; expected {rows} rows"),
    ],
)
def test_an_output_that_does_not_fit(connect, limits, outputs, message):
    server = Fake(lambda number, request, x: outputs(x), outputs=WIDE)
    line = refused(connect, server, limits=limits)
    rows = fake.rows(server)[0]
    message = message.format(rows=rows, less=rows - 1)
    assert f"the answer of 'fake' doesn't fit its signature: output 'y' {message}" in line


@PARTS
@pytest.mark.parametrize("call", [{}, {"outputs": ["y"]}], ids=["all", "some"])
@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (lambda x: {}, "the answer lacks the output 'y'"),
        (lambda x: {"y": x, "\x1b[2Jz": x}, r"holds the output '\x1b[2Jz', which wasn't asked"),
        (lambda x: {"y": x, "z" * 10**5: x}, "zzz…' (100,000 characters), which wasn't asked"),
    ],
)
def test_other_outputs_than_were_asked_for(connect, limits, call, outputs, message):
    server = Fake(lambda number, request, x: outputs(x))
    assert message in refused(connect, server, limits=limits, call=call)


def test_an_output_that_was_not_wanted(connect):
    both = {"y": ("float32", (-1, -1)), "z": ("float32", (-1, -1))}
    server = Fake(lambda number, request, x: {"y": x, "z": x}, outputs=both)
    assert sorted(ask(connect, server, MANY)) == ["y", "z"]
    line = refused(connect, server, call={"outputs": ["z"]})
    assert line == "the answer holds the output 'y', which wasn't asked for"


def test_a_later_part_that_lacks_an_output(connect):
    server = Fake(lambda number, request, x: {"yz"[number > 2]: x})
    line = refused(connect, server, max_message_bytes=LIMIT)
    assert line.startswith("the answer lacks the output 'y'; ")


@pytest.mark.parametrize(
    ("inputs", "outputs", "answer"),
    [
        ({"x": ("float32", (-1, -1))}, {"y": ("float32", None)}, lambda x: x[1:]),
        ({"x": ("float32", (-1, -1))}, {"y": ("float32", (1, -1))}, lambda x: x[:1]),
        ({"x": ("float32", (-1, -1))}, {"y": ("float32", ())}, lambda x: x.mean()),
        ({"x": ("float32", (100, 32))}, {"y": ("float32", (-1, 32))}, lambda x: x[1:]),
        ({"x": ("float32", None)}, {"y": ("float32", (-1, 32))}, lambda x: x[1:]),
    ],
    ids=["any-rank", "fixed", "scalar", "inputs-of-one-size", "inputs-of-any-rank"],
)
def test_an_output_whose_first_axis_is_not_the_batch(connect, inputs, outputs, answer):
    server = Fake(lambda number, request, x: {"y": answer(x)}, inputs, outputs)
    np.testing.assert_array_equal(ask(connect, server, MANY)["y"], answer(MANY))


@pytest.mark.parametrize(
    ("spec", "call", "message"),
    [
        ({"name": "\x1bother"}, {}, r"model '\x1bother' answered for 'fake'"),
        ({"version": {"value": 2}}, {"version": 1}, "version 2 of 'fake' answered for version 1"),
        ({"version": {"value": -7}}, {}, "version -7 of 'fake' answered for the latest one"),
    ],
)
def test_another_model_or_version(connect, spec, call, message):
    def answer(number, request, x):
        return protos.PredictResponse(outputs={"y": wire.to_proto(x)}, model_spec=spec)

    assert refused(connect, Fake(answer), call=call) == message


def test_a_server_that_does_not_say_who_answers(connect):
    def answer(number, request, x):
        return protos.PredictResponse(outputs={"y": wire.to_proto(x)})

    np.testing.assert_array_equal(ask(connect, Fake(answer), MANY)["y"], MANY)
    assert ask(connect, Fake(answer), call={"version": 1})["y"].shape == ONE.shape


# Versions that are swapped


def swapped():
    """A server whose version 2 gives float64, and a function that makes it the latest."""

    def answer(number, request, x):
        return {"y": x.astype("float64" if server.answering(request) == 2 else "float32")}

    server = Fake(answer)
    server.later = {2: {"y": ("float64", (-1, -1))}}
    return server


@PARTS
def test_an_answer_of_a_newer_version_is_checked_by_its_own_signature(connect, limits):
    server = swapped()
    with serving(server, **limits) as address, connect(address) as client:
        for version, dtype, asked in ((1, "float32", 1), (2, "float64", 2), (2, "float64", 2)):
            server.version = version
            found = client("predict", "fake", {"x": MANY})["y"]
            assert (found.dtype, server.asked) == (dtype, asked)
            np.testing.assert_array_equal(found, MANY)


def test_an_answer_that_fits_the_outdated_signature_alone(connect):
    server = Fake()  # gives float32 whatever its version
    server.later = {2: {"y": ("float64", (-1, -1))}}
    with serving(server) as address, connect(address) as client:
        client("predict", "fake", {"x": ONE})
        server.version = 2
        with pytest.raises(ServingError, match=r"is float32 \(1, 3\); expected float64") as caught:
            client("predict", "fake", {"x": ONE})
    assert caught.value.code == "INTERNAL"


def test_a_newer_version_that_goes_away_before_its_signature_is_asked_for(connect):
    server = swapped()
    metadata = server.GetModelMetadata

    def gone(request, context):
        if request.model_spec.version.value == 2:
            server.version = 1
            context.abort(protos.grpc.StatusCode.NOT_FOUND, "Servable not found")
        return metadata(request, context)

    server.GetModelMetadata = gone
    with serving(server) as address, connect(address) as client:
        client("predict", "fake", {"x": ONE})
        server.version = 2
        assert client("predict", "fake", {"x": ONE})["y"].dtype == "float32"
    assert fake.versions(server) == [0, 0, 0]


@pytest.mark.parametrize("version", [None, 1])
def test_what_is_remembered_is_forgotten_when_an_answer_does_not_fit(connect, version):
    """Else a server that tells no version would be misjudged for as long as the client lives."""

    def answer(number, request, x):
        dtype = server.outputs["y"][0]
        return protos.PredictResponse(outputs={"y": wire.to_proto(x.astype(dtype))})

    server = Fake(answer)
    with serving(server) as address, connect(address) as client:
        client("predict", "fake", {"x": ONE}, version=version)
        server.outputs = {"y": ("float64", (-1, -1))}
        with pytest.raises(ServingError, match="expected float32"):
            client("predict", "fake", {"x": ONE}, version=version)
        assert client("predict", "fake", {"x": ONE}, version=version)["y"].dtype == "float64"


@pytest.mark.parametrize("asked", [None, 1])
def test_a_version_that_the_metadata_do_not_tell_is_asked_about_once(connect, asked):
    server = Fake()
    metadata = server.GetModelMetadata

    def untold(request, context):
        response = metadata(request, context)
        response.model_spec.ClearField("version")
        return response

    server.GetModelMetadata = untold
    with serving(server) as address, connect(address) as client:
        for _ in range(3):
            client("predict", "fake", {"x": ONE}, version=asked)
    assert server.asked == 2
