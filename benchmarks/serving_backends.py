"""What stands at the other end of `serving_latency.py`'s callers, each in a process of its own.

    python benchmarks/serving_backends.py ROLE MODELS_DIR MODEL FOLDER

A server prints its address, and stops when its standard input ends; the local one answers every
line with the states of its versions, as JSON. "in process" takes lines "BATCH CLIENTS SECONDS" and
prints the latencies in milliseconds as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

BATCHES = (1, 8, 64)
STEPS, FRAMES = 30, 8  # of every video in a request
THREADS = 8  # the local server's default


def main() -> None:
    """Runs one role."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("models_dir", type=Path)
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--batching", type=Path)
    options = parser.parse_args()
    ROLES[options.role](options)


def messages(options: argparse.Namespace) -> None:
    """Writes a request and its response for each batch size."""
    from kavc.serving.protos import ModelSpec, PredictRequest
    from kavc.serving.server.local import LocalServer
    from kavc.serving.wire import to_proto

    with (
        LocalServer(options.models_dir, port=0) as server,
        server.catalogue.lease(options.model) as model,
    ):
        for batch in BATCHES:
            inputs = drawn(model.definitions["serving_default"], batch)
            request = PredictRequest(
                model_spec=ModelSpec(name=options.model),
                inputs={name: to_proto(value) for name, value in inputs.items()},
            )
            np.savez(options.folder / f"inputs-{batch}.npz", **inputs)
            path = options.folder / f"request-{batch}"
            path.write_bytes(request.SerializeToString())
            response = model.predict(request)
            (options.folder / f"response-{batch}").write_bytes(response.SerializeToString())


def drawn(signature: object, batch: int) -> dict[str, np.ndarray]:
    """Returns a request's inputs: noise for features, the full length for lengths."""
    rng = np.random.default_rng(0)
    inputs = {}
    for name, info in signature.inputs.items():
        if name.endswith("_length"):
            inputs[name] = np.full(batch, FRAMES if "visual" in name else STEPS, np.int32)
        elif name == "theme":
            inputs[name] = np.zeros(batch, np.int32)
        else:
            time_ = FRAMES if name == "visual" else STEPS
            width = info.tensor_shape.dim[-1].size
            inputs[name] = rng.normal(size=(batch, time_, width)).astype(np.float32)
    return inputs


def in_process(options: argparse.Namespace) -> None:
    """Calls the SavedModel as a program without a server would, from as many threads."""
    function = loaded_function(options)
    print("ready", flush=True)
    for line in sys.stdin:
        batch, clients, seconds = line.split()
        with np.load(options.folder / f"inputs-{batch}.npz") as arrays:
            inputs = dict(arrays)
        spent = closed_loop(lambda: call(function, inputs), int(clients), float(seconds))  # noqa: B023
        print(json.dumps(spent), flush=True)


def loaded_function(options: argparse.Namespace) -> Callable:
    """Returns the SavedModel's function, loaded as a program without a server would."""
    import tensorflow as tf

    versions = sorted((options.models_dir / options.model).glob("[0-9]*"))
    loaded = tf.saved_model.load(os.fspath(versions[-1]))
    function = loaded.signatures["serving_default"]
    function.keep = loaded  # it holds its variables weakly
    return function


def call(function: Callable, inputs: dict[str, np.ndarray]) -> None:
    """Calls it with arrays and fetches arrays."""
    import tensorflow as tf

    outputs = function(**{name: tf.constant(value) for name, value in inputs.items()})
    for value in outputs.values():
        value.numpy()


def closed_loop(call: Callable[[], None], clients: int, seconds: float) -> list[float]:
    """Returns the milliseconds of every call of `clients` threads."""
    spent: list[float] = []
    for _ in range(3):
        call()
    stop = time.monotonic() + seconds

    def caller() -> None:
        mine = []
        while (start := time.monotonic()) < stop:
            call()
            mine.append((time.monotonic() - start) * 1e3)
        spent.extend(mine)

    callers = [threading.Thread(target=caller) for _ in range(clients)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    return spent


def model_behind_echo(options: argparse.Namespace) -> None:
    """As `echo`, but calls the SavedModel on inputs that it has, whatever the bytes say."""
    function = loaded_function(options)
    inputs = {}
    for batch in BATCHES:
        with np.load(options.folder / f"inputs-{batch}.npz") as arrays:
            size = len((options.folder / f"request-{batch}").read_bytes())
            inputs[size] = dict(arrays)
    echo(options, lambda request: call(function, inputs[len(request)]))


def echo(options: argparse.Namespace, work: Callable[[bytes], None] = lambda request: None) -> None:
    """Answers request N's bytes with response N's bytes, and does nothing else."""
    import grpc

    answers = {
        len((options.folder / f"request-{batch}").read_bytes()): (
            options.folder / f"response-{batch}"
        ).read_bytes()
        for batch in BATCHES
    }

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: object) -> object:
            def answer(request: bytes, _: object) -> bytes:
                work(request)
                return answers[len(request)]

            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.server(
        ThreadPoolExecutor(options.threads or THREADS),
        handlers=(Handler(),),
        options=[
            ("grpc.max_receive_message_length", 2**28),
            ("grpc.max_send_message_length", 2**28),
        ],
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    server.stop(0)


def local_server(options: argparse.Namespace) -> None:
    """The server that `kavc serve` starts."""
    from kavc.serving.configs import read_batching
    from kavc.serving.protos import ModelVersionStatus
    from kavc.serving.server.local import LocalServer
    from kavc.serving.server.memory import keep_freed_memory, spare_the_collector

    keep_freed_memory()
    batching = read_batching(options.batching) if options.batching else None
    with LocalServer(
        options.models_dir, port=0, threads=options.threads, batching=batching
    ) as server:
        spare_the_collector()
        print(server.address, flush=True)
        for _ in sys.stdin:
            states = {
                version: [ModelVersionStatus.State.Name(found.state), found.error]
                for version, found in server.catalogue.states(options.model).items()
            }
            print(json.dumps(states), flush=True)


ROLES = {
    "messages": messages,
    "in process": in_process,
    "echo": echo,
    "echo and model": model_behind_echo,
    "server": local_server,
}

if __name__ == "__main__":
    main()
