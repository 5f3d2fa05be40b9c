"""No peer and no model takes the server from the others, and none keeps it from its end."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from kavc.errors import ServingError
from kavc.serving.client.blocking import Client
from kavc.serving.client.retry import Retry
from kavc.serving.configs import BatchingConfig
from kavc.serving.protos import PREDICTION_SERVICE, PredictRequest, PredictResponse, grpc
from kavc.serving.server import local as module
from kavc.serving.server.arrivals import MOST_BEGUN
from kavc.serving.server.local import LocalServer
from kavc.serving.server.model import THREADS

X = {"x": np.array([1.0, 2.0], np.float32)}
ENDLESS = {"x": np.array([-1.0], np.float32)}
LONG = 60  # seconds that nothing here takes
SHORT = 10  # seconds: a test that waits for a grace of `LONG` fails


@pytest.fixture(scope="module")
def models(odd_models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    odd_models.save(odd_models.Doubler(), folder / "good" / "1")
    odd_models.save(odd_models.Endless(), folder / "endless" / "1")
    return folder


@pytest.fixture
def server(models):
    server = LocalServer(models, port=0, threads=2)
    server.start()
    yield server
    server.stop(0)


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(server.address) as channel:
        yield channel


@pytest.fixture
def client(server):
    with Client(server.address, retries=Retry(attempts=1), timeout=LONG) as client:
        yield client


class Slow:
    """A call of Predict that has begun, and whose message comes when it is told to."""

    def __init__(self, channel):
        self._messages = queue.Queue()
        call = channel.stream_unary(
            f"/{PREDICTION_SERVICE}/Predict",
            request_serializer=PredictRequest.SerializeToString,
            response_deserializer=PredictResponse.FromString,
        )
        self.answer = call.future(iter(self._messages.get, None), timeout=LONG)

    def send(self):
        inputs = {"x": tf.make_tensor_proto(X["x"])}
        self._messages.put(PredictRequest(model_spec={"name": "good"}, inputs=inputs))
        self._messages.put(None)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Gives what is told to end more time than a busy machine takes."""
    monkeypatch.setattr(module, "CANCELLED", LONG)


def until(condition):
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def doubled(client):
    return client.predict("good", X)["y"].tolist() == [2.0, 4.0]


@contextlib.contextmanager
def rest(call):
    """Opens a stream that says one thing and then rests."""
    done = threading.Event()

    def messages():
        yield ServerReflectionRequest(list_services="")
        done.wait(LONG)

    try:
        yield next(call(messages()))
    finally:
        done.set()


def test_streams_that_rest_hold_nobody_up(channel, client):
    with contextlib.ExitStack() as streams:
        for _ in range(4 * THREADS):
            streams.enter_context(rest(ServerReflectionStub(channel).ServerReflectionInfo))
        assert doubled(client)


def test_calls_that_only_begin_hold_nobody_up(server, client):
    with contextlib.ExitStack() as channels:
        calls = []
        for number in range(4):
            options = [("kavc.number", number)]  # else they would share a connection
            channel = grpc.insecure_channel(server.address, options=options)
            channels.enter_context(channel)
            calls += [Slow(channel) for _ in range(MOST_BEGUN // 3)]
        until(lambda: server._receiving.arrivals.uploads() > MOST_BEGUN)
        assert doubled(client)
        until(lambda: server._receiving.arrivals.uploads() <= MOST_BEGUN)  # the surplus is ended
        until(lambda: any(call.answer.done() for call in calls))
        ended = [call for call in calls if call.answer.done()]
        assert {call.answer.code() for call in ended} == {grpc.StatusCode.CANCELLED}
        assert doubled(client)
        slow = next(call for call in reversed(calls) if not call.answer.done())
        slow.send()
        assert slow.answer.result(LONG).outputs["y"].tensor_shape.dim[0].size == 2


def test_a_call_without_a_message(channel):
    empty = channel.stream_unary(f"/{PREDICTION_SERVICE}/Predict")
    with pytest.raises(grpc.RpcError) as caught:
        empty(iter(()), timeout=LONG)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == "the call has no message; expected one"


def test_bytes_that_are_no_message(channel):
    raw = channel.unary_unary(f"/{PREDICTION_SERVICE}/Predict")
    with pytest.raises(grpc.RpcError) as caught:
        raw(b"\xff\xff", timeout=LONG)
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.INTERNAL,
        "the message can't be parsed",
    )


def test_compressed_requests_are_refused(channel):
    """A few bytes could claim a thousand times as many."""
    stub = channel.unary_unary(f"/{PREDICTION_SERVICE}/Predict")
    with pytest.raises(grpc.RpcError) as caught:
        stub(bytes(2**20), timeout=LONG, compression=grpc.Compression.Gzip)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_service_with_a_name_of_any_length_is_not_watched(channel):
    watch = HealthStub(channel).Watch(HealthCheckRequest(service="n" * 256), timeout=LONG)
    with pytest.raises(grpc.RpcError) as caught:
        next(watch)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_watchers_who_leave_hold_nobody_up(server, client):
    """The lock that they share is held by none while it sends."""

    def watch():
        with grpc.insecure_channel(server.address) as channel:
            for _ in range(40):
                call = HealthStub(channel).Watch(HealthCheckRequest(), timeout=LONG)
                assert next(call).status == HealthCheckResponse.SERVING
                call.cancel()

    with ThreadPoolExecutor(8) as pool:
        for watcher in [pool.submit(watch) for _ in range(8)]:
            watcher.result(LONG)
    assert doubled(client)
    until(lambda: server._health._watchers == 0)
    assert not server._health._send_response_callbacks
    assert server.stop(0)


def test_a_model_by_the_name_of_a_service(odd_models, tmp_path):
    odd_models.save(odd_models.Doubler(), tmp_path / "good" / "1")
    (tmp_path / PREDICTION_SERVICE / "1").mkdir(parents=True)
    (tmp_path / PREDICTION_SERVICE / "1" / "saved_model.pb").write_bytes(b"\xff")
    with LocalServer(tmp_path, port=0) as server, grpc.insecure_channel(server.address) as channel:
        request = HealthCheckRequest(service=PREDICTION_SERVICE)
        status = HealthStub(channel).Check(request, timeout=LONG).status
        assert status == HealthCheckResponse.SERVING


def test_a_model_that_never_answers_holds_up_no_other(server, client):
    with ThreadPoolExecutor(4) as pool:
        stuck = [pool.submit(client.predict, "endless", ENDLESS) for _ in range(4)]
        with server.catalogue.lease("endless") as model:
            until(lambda: model.slots.waiting == 2)  # two run, and two wait for a slot
        assert doubled(client)
        start = time.monotonic()
        assert server.stop(0.5)
        assert time.monotonic() - start < SHORT
        assert server._activity.idle() > 0  # no thread runs on
        for call in stuck:
            with pytest.raises(ServingError):
                call.result(LONG)


def test_nor_does_it_in_batches(models):
    batching = BatchingConfig(max_batch_size=4, batch_timeout_micros=1000, num_batch_threads=1)
    server = LocalServer(models, port=0, batching=batching)
    server.start()
    with (
        Client(server.address, retries=Retry(attempts=1), timeout=LONG) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        stuck = pool.submit(client.predict, "endless", ENDLESS)
        with server.catalogue.lease("endless") as model:
            until(lambda: model._graph._running == 1)
        assert doubled(client)
        assert server.stop(0)
        with pytest.raises(ServingError):
            stuck.result(LONG)


def test_calls_of_a_version_that_went_are_ended_in_time(server, client):
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(client.predict, "endless", ENDLESS)
        with server.catalogue.lease("endless") as model:
            until(lambda: model.leases._taken == 2)
        server.catalogue.withdraw("endless", 1)
        server.catalogue.end_calls(LONG)  # not yet
        assert not stuck.done()
        until(lambda: server.catalogue.end_calls(0.0) or stuck.done())
        with pytest.raises(ServingError, match=r"cancelled|closed"):
            stuck.result(LONG)


def test_the_end_waits_for_a_request_on_its_way(server, channel):
    slow = Slow(channel)
    until(lambda: server._receiving.arrivals.uploads() == 1)
    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(server.stop, LONG)
        time.sleep(2 * module.QUIET)  # no request was worked on for so long
        assert not end.done()
        slow.send()
        assert slow.answer.result(LONG).outputs["y"].tensor_shape.dim[0].size == 2
        assert end.result(SHORT)


def test_the_end_waits_for_no_stream_that_rests(server, channel):
    with rest(ServerReflectionStub(channel).ServerReflectionInfo):
        start = time.monotonic()
        assert server.stop(LONG)
        assert time.monotonic() - start < LONG / 2


def test_a_request_that_does_not_come_is_ended(models):
    with (
        LocalServer(models, port=0, upload_seconds=0.1) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        slow = Slow(channel)
        assert slow.answer.exception(LONG).code() == grpc.StatusCode.CANCELLED
