"""Retries, deadlines and answers, the same for both clients, against a server that misbehaves."""

from __future__ import annotations

import importlib.util
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from kavc.errors import ConfigError, ServingError
from kavc.serving import protos
from kavc.serving.client.discovery import VersionStatus
from kavc.serving.client.retry import Retry

spec = importlib.util.spec_from_file_location("fake", Path(__file__).parent / "fake.py")
fake = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fake)

Fake, serving, ask, failing = fake.Fake, fake.serving, fake.ask, fake.failing
LIMIT, MANY, ONE = fake.LIMIT, fake.MANY, fake.ONE

pytestmark = fake.CLIENTS


def test_unavailable_twice_then_fine(connect):
    server = Fake(failing((1, 2), "UNAVAILABLE"))
    retries = Retry(3, wait=0.2)
    found = ask(connect, server, retries=retries, call={"timeout": 3.0})
    np.testing.assert_array_equal(found["y"], ONE)
    first, second, third = server.lefts  # seconds; gRPC sends them rounded up by some percent
    assert 3.1 > first > second + 0.1 > third + 0.3  # one deadline for all attempts


def test_a_server_that_goes_down_with_the_call(connect):
    server = Fake(failing((1,), "CANCELLED"))
    np.testing.assert_array_equal(ask(connect, server)["y"], ONE)
    assert len(server.requests) == 2


def test_unavailable_for_good(connect):
    server = Fake(failing(range(99), "UNAVAILABLE", "draining"))
    with pytest.raises(
        ServingError, match=r"no server answers at .*draining, 3 attempts"
    ) as caught:
        ask(connect, server)
    assert caught.value.code == "UNAVAILABLE" and len(server.requests) == 3


@pytest.mark.parametrize("code", ["INTERNAL", "ABORTED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"])
def test_other_refusals_are_not_tried_again(connect, code):
    server = Fake(failing(range(99), code, "Concurrent RPC limit exceeded!"))
    with pytest.raises(ServingError) as caught:
        ask(connect, server, MANY)
    assert caught.value.code == code and len(server.requests) == 1


def test_retries_end_before_the_deadline(connect):
    server = Fake(failing(range(99), "UNAVAILABLE"))
    start = time.monotonic()
    with pytest.raises(ServingError) as caught:
        ask(connect, server, retries=Retry(50, wait=0.2), call={"timeout": 1.0})
    assert caught.value.code == "UNAVAILABLE"
    assert len(server.requests) in (3, 4)  # at 0, 0.2 and 0.6 s, each ±20 %
    assert time.monotonic() - start < 5


def test_a_server_that_comes_back_is_found(connect):
    with socket.socket() as held:
        held.bind(("localhost", 0))
        port = held.getsockname()[1]
    server, started = Fake(), threading.Event()

    def serve():
        time.sleep(0.3)  # until then nobody answers; no event tells what the client has seen
        with serving(server, port=port):
            started.wait(10)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with connect(f"localhost:{port}", retries=Retry(20, wait=0.1, longest=0.2)) as client:
            np.testing.assert_array_equal(client("predict", "fake", {"x": ONE})["y"], ONE)
    finally:
        started.set()
        thread.join()


@pytest.mark.parametrize("own", [True, False])
def test_deadline(connect, own):
    done = threading.Event()
    server = Fake(lambda *_: done.wait(10) and {})
    options = {"timeout": 0.2} if own else {"call": {"timeout": 0.2}}
    try:
        with pytest.raises(ServingError, match=r"did not answer within 0\.2 s$") as caught:
            ask(connect, server, **options)
    finally:
        done.set()
    assert caught.value.code == "DEADLINE_EXCEEDED"


def test_one_deadline_for_all_parts(connect):
    done = threading.Event()

    def answer(number, request, x):
        done.wait(0.2 if number < 3 else 10)
        return {"y": x}

    server = Fake(answer)
    message = r"did not answer within 1 s; \d+ of 100 rows were answered, and none is returned"
    try:
        with pytest.raises(ServingError, match=message):
            ask(connect, server, MANY, max_message_bytes=LIMIT, call={"timeout": 1.0})
    finally:
        done.set()
    first, second, third = server.lefts
    assert first > second + 0.1 > third + 0.2


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (
            {"y": {"dtype": 1, "tensor_content": b"abc"}},
            "can't be read: output 'y' carries 3 bytes",
        ),
        ({"y": {"dtype": 20}}, "can't be read: output 'y' has dtype 20"),
        ({"z": {"dtype": 1, "float_val": [1]}}, "lacks the output 'y'"),
    ],
)
def test_bad_answers(connect, response, message):
    answer = protos.PredictResponse(
        outputs={k: protos.TensorProto(**v) for k, v in response.items()}
    )
    with pytest.raises(ServingError, match=message) as caught:
        ask(connect, Fake(lambda *_: answer), call={"outputs": ["y"]})
    assert caught.value.code == "INTERNAL"


def test_only_the_outputs_that_are_wanted_are_asked_for(connect):
    server = Fake()
    ask(connect, server, call={"outputs": ["y"]})
    assert list(server.requests[0].output_filter) == ["y"]
    with pytest.raises(ConfigError, match="unknown output 'yy'; did you mean 'y'"):
        ask(connect, server, call={"outputs": ["yy"]})
    assert len(server.requests) == 1


def test_status_tells_why_a_version_failed(connect):
    server = Fake()
    server.statuses = [(3, 50, 13, "can't be read"), (2, 30, 0, ""), (4, 77, 99, "")]
    with serving(server) as address, connect(address) as client:
        found = client("status", "fake")
    assert list(found) == [2, 3, 4]
    assert found[2] == VersionStatus("AVAILABLE")
    assert found[3] == VersionStatus("END", "INTERNAL", "can't be read")
    assert str(found[3]) == "END (INTERNAL: can't be read)"
    assert found[4] == VersionStatus("77", "99")


def test_health(connect):
    health = protos.HealthServicer()
    health.set("down", protos.HealthCheckResponse.NOT_SERVING)

    def add(server):
        protos.add_HealthServicer_to_server(health, server)

    with serving(Fake(), more=[add]) as address, connect(address) as client:
        assert client("health") == "SERVING"
        assert client("health", "down") == "NOT_SERVING"
        with pytest.raises(ServingError, match="NOT_FOUND"):
            client("health", "other")
    with serving(Fake()) as address, connect(address) as client:
        with pytest.raises(ServingError) as caught:
            client("health", timeout=5)
        assert caught.value.code == "UNIMPLEMENTED"


def test_a_closed_client_says_so(connect):
    with connect("localhost:1") as client:
        client.close()
        with pytest.raises(ServingError, match="client of localhost:1 is closed"):
            client("health")
