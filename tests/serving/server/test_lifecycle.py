"""A server's life: health, reflection, versions that roll while it answers, and a clean end."""

from __future__ import annotations

import re
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from kavc.errors import ServingError
from kavc.serving.client.blocking import Client
from kavc.serving.client.retry import Retry
from kavc.serving.inspection.version_files import read_saved_model
from kavc.serving.protos import grpc
from kavc.serving.server.local import LocalServer

POLL = 0.02
SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


def until(condition, seconds=20):
    """Waits for what another thread does; there is nothing else to wait on over the wire."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


@pytest.fixture
def folder(models_dir, tmp_path):
    shutil.copytree(models_dir / "tiny" / "2", tmp_path / "tiny" / "2")
    return tmp_path


@pytest.fixture
def rolling(folder):
    with LocalServer(folder, port=0, poll_seconds=POLL) as server:
        yield server


@pytest.fixture
def ask(rolling):
    with Client(rolling.address) as client:
        yield client


def copy(models_dir, folder, version, source=2):
    """Lets a version appear whole, as an export does."""
    partial = folder / "tiny" / f".partial-{version}"
    shutil.copytree(models_dir / "tiny" / str(source), partial)
    partial.rename(folder / "tiny" / str(version))


def test_health(rolling, folder):
    with grpc.insecure_channel(rolling.address) as channel:
        stub = HealthStub(channel)

        def health(service):
            return stub.Check(HealthCheckRequest(service=service), timeout=5).status

        for service in ("", "tiny", "tensorflow.serving.PredictionService"):
            assert health(service) == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            health("nobody")
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        shutil.rmtree(folder / "tiny")
        until(lambda: health("tiny") == NOT_SERVING)
        assert health("") == NOT_SERVING


def test_reflection_names_the_services_and_their_messages(rolling):
    with grpc.insecure_channel(rolling.address) as channel:
        stub = ServerReflectionStub(channel)
        asked = [
            ServerReflectionRequest(list_services=""),
            ServerReflectionRequest(file_containing_symbol="tensorflow.serving.PredictionService"),
        ]
        listed, described = stub.ServerReflectionInfo(iter(asked), timeout=5)
    names = {service.name for service in listed.list_services_response.service}
    assert names == {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    assert described.file_descriptor_response.file_descriptor_proto


def test_a_new_version_takes_over_and_going_back_is_removing_it(
    rolling, ask, models_dir, folder, tiny
):
    copy(models_dir, folder, 3)
    until(lambda: rolling.catalogue.versions("tiny") == [3])
    assert ask.predict("tiny", tiny.batch(2, 3), version=3)
    with pytest.raises(ServingError, match="NOT_FOUND"):
        ask.predict("tiny", tiny.batch(2, 3), version=2)
    shutil.rmtree(folder / "tiny" / "3")
    until(lambda: rolling.catalogue.versions("tiny") == [2])
    assert ask.predict("tiny", tiny.batch(2, 3), version=2)


def lose_graph(version):
    graph = version / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])


def lose_variables(version):
    shutil.rmtree(version / "variables")


def cut_variables(version):
    data = next((version / "variables").glob("*.data*"))
    data.write_bytes(data.read_bytes()[:-100])


def spoil_warmup(version):
    record = version / "assets.extra" / "tf_serving_warmup_requests"
    record.write_bytes(record.read_bytes()[:-3])


def read_a_file(version):
    saved = read_saved_model(version)
    saved.meta_graphs[0].graph_def.node.add(name="look", op="ReadFile")
    (version / "saved_model.pb").write_bytes(saved.SerializeToString())


@pytest.mark.parametrize(
    ("spoiler", "message"),
    [
        (lose_graph, "saved_model.pb: damaged"),
        (lose_variables, "can't be loaded"),
        (cut_variables, "can't be loaded"),
        (spoil_warmup, "tf_serving_warmup_requests: damaged"),
        (read_a_file, "the op ReadFile \\(look in the graph\\)"),
    ],
)
def test_a_broken_version_leaves_the_old_one(
    rolling, ask, models_dir, folder, tiny, spoiler, message
):
    partial = folder / "tiny" / ".partial-3"
    shutil.copytree(models_dir / "tiny" / "2", partial)
    spoiler(partial)
    partial.rename(folder / "tiny" / "3")
    until(
        lambda: (
            rolling.catalogue.states("tiny").get(3) and rolling.catalogue.states("tiny")[3].error
        )
    )
    assert rolling.catalogue.versions("tiny") == [2]
    assert ask.predict("tiny", tiny.batch(2, 3))
    error = rolling.catalogue.states("tiny")[3].error
    assert "tiny/3" in error and "\n" not in error and "Graph execution error" not in error
    assert re.search(message, error), error


def test_no_request_fails_while_versions_roll(rolling, models_dir, folder, tiny, network):
    inputs = tiny.batch(2, 5)
    expected = tiny.answers(network, inputs)["match"]
    stop = threading.Event()

    def caller():
        answered = 0
        with Client(rolling.address) as client:
            while not stop.is_set():
                np.testing.assert_allclose(
                    client.predict("tiny", inputs)["match"], expected, atol=1e-6
                )
                answered += 1
        return answered

    with ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(caller) for _ in range(4)]
        for version in (3, 4, 5):
            copy(models_dir, folder, version)
            until(lambda version=version: rolling.catalogue.versions("tiny") == [version])
        stop.set()
        assert all(each.result(10) > 0 for each in callers)


def test_the_end_answers_what_runs_and_refuses_what_comes(folder, tiny, monkeypatch):
    from kavc.serving.server.model import Model

    running, gate, run = threading.Event(), threading.Event(), Model._run

    def slow(self, signature, inputs):
        running.set()
        assert gate.wait(10)
        return run(self, signature, inputs)

    server = LocalServer(folder, port=0)
    server.start()
    with Client(server.address) as client, ThreadPoolExecutor(2) as pool:
        client.predict("tiny", tiny.batch(1, 3))
        monkeypatch.setattr(Model, "_run", slow)
        answer = pool.submit(client.predict, "tiny", tiny.batch(1, 3))
        assert running.wait(10)
        end = pool.submit(server.stop, 10)
        with grpc.insecure_channel(server.address) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                until(lambda: not HealthStub(channel).Check(HealthCheckRequest(), timeout=5))
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert not answer.done()
        gate.set()
        assert answer.result(10)["match"].shape == (1,)
        end.result(10)
    assert server.catalogue.names() == []


def test_who_watches_the_health_does_not_hold_up_the_end(folder):
    server = LocalServer(folder, port=0)
    server.start()
    with grpc.insecure_channel(server.address) as channel:
        watch = HealthStub(channel).Watch(HealthCheckRequest())
        assert next(watch).status == SERVING
        start = time.monotonic()
        server.stop(60)
        assert time.monotonic() - start < 20
        assert next(watch).status == NOT_SERVING
        with pytest.raises(grpc.RpcError):
            next(watch)


def test_drain_answers_what_has_arrived(folder, tiny, monkeypatch):
    """Many callers at once, more than there are threads; none that came before the end is lost."""
    from kavc.serving.server.model import Model

    gate, run = threading.Event(), Model._run

    def slow(self, signature, inputs):
        assert gate.wait(10)
        return run(self, signature, inputs)

    server = LocalServer(folder, port=0, threads=1)
    server.start()
    with Client(server.address, retries=Retry(attempts=1)) as client:
        client.signatures("tiny")
        client.predict("tiny", tiny.batch(1, 3))
        monkeypatch.setattr(Model, "_run", slow)
        with ThreadPoolExecutor(9) as pool:
            answers = [pool.submit(client.predict, "tiny", tiny.batch(1, 3)) for _ in range(8)]
            with server.catalogue.lease("tiny") as model:
                until(lambda: model.slots.waiting == 7)  # the eighth is worked on
            end = pool.submit(server.drain)
            gate.set()
            for answer in answers:
                assert answer.result(10)["match"].shape == (1,)
            end.result(10)


def test_nothing_is_left_behind(folder):
    before = set(threading.enumerate())
    with LocalServer(folder, port=0, monitoring_port=0) as server:
        server.stop()  # and once more at the end of the block
    until(lambda: {t for t in set(threading.enumerate()) - before if "kavc" in t.name} == set())
