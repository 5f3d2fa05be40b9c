"""The load test, against the local server with the tiny network."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tiny():
    path = ROOT / "tests" / "export" / "tiny.py"
    spec = importlib.util.spec_from_file_location("tiny", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def version(tiny, tmp_path_factory):
    from kavc.export.savedmodel import export

    network = tiny.network()
    target = tmp_path_factory.mktemp("served") / "models"
    return export(network, tiny.signatures(network), target, name="tiny", card="")


@pytest.fixture(scope="module")
def server(version):
    from kavc.serving.server.local import LocalServer

    with LocalServer(version.parent.parent, port=0) as running:
        yield running.address


@pytest.fixture(scope="module")
def scripts():
    """The scripts, importable: also for the processes that they start."""
    sys.path.insert(0, str(ROOT / "export"))
    yield importlib.import_module("load_test"), importlib.import_module("load_clients")
    sys.path.remove(str(ROOT / "export"))


@pytest.fixture
def load(server, scripts, capsys):
    def run(*words) -> tuple[int, dict, str]:
        known = ["--server", server, "--model", "tiny", "--warm-seconds", 0.1]
        code = scripts[0].main([str(word) for word in (*known, *words)])
        output, errors = capsys.readouterr()
        return code, json.loads(output or "{}"), errors

    return run


def test_closed_loop_with_files(load, version, tmp_path):
    words = ["--warmup", version, "--clients", 4, "--processes", 2, "--batch", 3]
    code, result, errors = load(*words, "--seconds", 0.5, "--out", tmp_path / "load")
    assert code == 0, errors
    assert result["codes"] == {"OK": result["requests"]}
    assert result["requests"] > 10
    latency = result["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    assert result["answered_per_second"] == pytest.approx(result["requests"] / 0.5)
    assert json.loads((tmp_path / "load.json").read_text()) == result
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")


def test_open_loop_keeps_to_its_schedule(load, tiny, tmp_path):
    np.savez(tmp_path / "request.npz", **tiny.batch(2, 5))
    words = ["--input", tmp_path / "request.npz", "--rate", 100, "--seconds", 1, "--seed", 3]
    code, result, errors = load(*words)
    assert code == 0, errors
    # As many as were drawn, however the server does: the same seed draws the same.
    rng = np.random.default_rng([3, 0])
    arrivals = rng.uniform(0, 1.1, rng.poisson(110))
    assert result["requests"] == np.sum(arrivals >= 0.1)
    assert result["sent_late_ms"]["p50"] < 100


def test_inputs_that_the_server_describes(load):
    code, result, errors = load("--signature", "echo", "--seconds", 0.2)
    assert code == 0, errors
    assert result["request_bytes"] < 100


def test_failed_requests_are_an_exit_code(load, tiny, tmp_path):
    np.savez(tmp_path / "bad.npz", **tiny.batch(1, 5) | {"theme": np.array([3], "int32")})
    code, _, errors = load("--input", tmp_path / "bad.npz", "--seconds", 0.2)
    assert code == 1
    assert "no request was answered: {'INVALID_ARGUMENT':" in errors


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--rate", 0], "--rate is 0.0; expected more than 0"),
        (["--processes", 3, "--clients", 2], "--processes 3 for 2 clients"),
        (["--signature", "ehco"], "unknown signature 'ehco'; did you mean 'echo'?"),
        (["--input", "none.npz"], "none.npz: no such file"),
        (["--tls-ca", "none.pem"], "none.pem: No such file"),
    ],
)
def test_wrong_words(load, words, says):
    code, _, errors = load(*words)
    assert code in (1, 2)
    assert f"error: {says}" in errors


def test_wait_behind_others_is_counted(scripts):
    """A server that stalls: those who were due meanwhile waited, though they were sent at once."""
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    stalled = threading.Event()

    class Slow(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            if not stalled.is_set():
                stalled.set()
                threading.Event().wait(0.5)
            return predict_pb2.PredictResponse()

    clients = scripts[1]
    server = grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Slow(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        one = clients.Load("", seconds=0.4, warm_seconds=0.0, rate=50)
        seen = clients._open(stub.Predict, predict_pb2.PredictRequest(), one, 0, time.monotonic())
    server.stop(0).wait()
    waited = np.array([call[1] for call in seen])
    assert len(waited) > 5
    assert np.median(waited) > 0.1  # a closed loop would have sent one request, and seen one wait
