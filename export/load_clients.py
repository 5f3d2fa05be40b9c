"""Callers that load a server, in closed or open loop, and what they saw.

They call gRPC's own stubs, with nothing of `kavc.Client` in between: what is measured is the
server and the wire. A closed loop's callers are threads, an open loop's requests are futures, since
asyncio loads a server no more than these and sends up to a millisecond late.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

OK = "OK"
NOT_SENT = "NOT_SENT"  # open loop: the server is so far behind that this was given up
Call = tuple[float, float, float, str]  # due, seconds, late, code
MAX_WAITING = 20_000  # requests of one process that may wait for an answer


@dataclass(frozen=True)
class Load:
    """What one run sends.

    Args:
        address: HOST:PORT.
        seconds: of measurement.
        request: bytes of a `PredictRequest`.
        warm_seconds: before it, under the same load, whose answers are not counted.
        clients: closed loop: callers that each send again when their answer has come.
        rate: open loop: requests a second, at random (Poisson); None for a closed loop.
        timeout: seconds after which a request has failed.
        processes: that the callers are spread over.
        ca, key, cert: PEM files for TLS; None for plain text, or without a client certificate.
        seed: of the arrivals.
    """

    address: str
    seconds: float
    request: bytes = b""
    warm_seconds: float = 2.0
    clients: int = 1
    rate: float | None = None
    timeout: float = 10.0
    processes: int = 1
    ca: Path | None = None
    key: Path | None = None
    cert: Path | None = None
    seed: int = 0


@dataclass(frozen=True)
class Seen:
    """What came of it, one entry a request that was due within the measurement.

    Args:
        due: (requests,) float64: seconds since its begin at which the request was to be sent: in an
            open loop the scheduled time, so that waiting behind others is counted.
        seconds: (requests,) float64: from then to the answer.
        late: (requests,) float64: from then until it was sent, which is the callers' own delay.
        codes: (requests,) str: name of the gRPC status.
    """

    due: np.ndarray
    seconds: np.ndarray
    late: np.ndarray
    codes: np.ndarray


def run(load: Load) -> Seen:
    """Loads a server; returns when every request is answered or has timed out.

    Raises:
        RuntimeError: a process of callers ended without a result.
    """
    # gRPC does not survive a fork: every process imports its own.
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(load.processes)
    queue = context.Queue()
    workers = [
        context.Process(target=_work, args=(load, number, ready, queue), daemon=True)
        for number in range(load.processes)
    ]
    for worker in workers:
        worker.start()
    parts = []
    while len(parts) < len(workers):
        try:
            parts.append(queue.get(timeout=1))
        except Exception as error:  # queue.Empty of a context has no public home
            if any(worker.exitcode not in (None, 0) for worker in workers):
                for worker in workers:
                    worker.kill()
                raise RuntimeError("a process of callers failed; see its traceback") from error
    for worker in workers:
        worker.join()
    due, *others = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(due)
    return Seen(due[order], *(other[order] for other in others))


def _work(load: Load, number: int, ready: Any, queue: Any) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from kavc.serving.protos import PredictionServiceStub, PredictRequest

    request = PredictRequest.FromString(load.request)
    with channel(load) as connection:
        predict = PredictionServiceStub(connection).Predict
        with contextlib.suppress(Exception):  # the measurement will say what is wrong
            predict(request, timeout=load.timeout)
        ready.wait()
        begin = time.monotonic() + load.warm_seconds
        loop = _closed if load.rate is None else _open
        seen = loop(predict, request, load, number, begin)
    counted = [call for call in seen if begin <= call[0] < begin + load.seconds]
    numbers = np.array([call[:3] for call in counted]).reshape(-1, 3)
    codes = np.array([call[3] for call in counted], "U32")
    queue.put((numbers[:, 0] - begin, numbers[:, 1], numbers[:, 2], codes))


def _closed(predict: Any, request: Any, load: Load, number: int, begin: float) -> list[Call]:
    """Callers that send again when their answer has come: threads, this process's share."""
    from kavc.serving.protos import grpc

    seen: list[Call] = []
    end = begin + load.seconds

    def caller() -> None:
        while (due := time.monotonic()) < end:
            try:
                predict(request, timeout=load.timeout)
                code = OK
            except grpc.RpcError as error:
                code = error.code().name
            seen.append((due, time.monotonic() - due, 0.0, code))

    share = len(range(number, load.clients, load.processes))
    callers = [threading.Thread(target=caller) for _ in range(share)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    return seen


def _open(predict: Any, request: Any, load: Load, number: int, begin: float) -> list[Call]:
    """Sends at times that are drawn beforehand, however late the answers come.

    Each process draws its share; together they are one Poisson process of the whole rate.
    """
    assert load.rate is not None
    seen: list[Call] = []
    free = threading.Semaphore(MAX_WAITING)
    rng = np.random.default_rng([load.seed, number])
    rate, length = load.rate / load.processes, load.warm_seconds + load.seconds
    arrivals = rng.uniform(0, length, rng.poisson(rate * length))

    def answered(due: float, late: float, future: Any) -> None:
        seen.append((due, time.monotonic() - due, late, future.code().name))
        free.release()

    for due in np.sort(arrivals) + begin - load.warm_seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        if not free.acquire(blocking=False):
            seen.append((due, 0.0, 0.0, NOT_SENT))
            continue
        late = time.monotonic() - due
        future = predict.future(request, timeout=load.timeout)
        future.add_done_callback(functools.partial(answered, due, late))
    for _ in range(MAX_WAITING):
        free.acquire()
    return seen


def channel(load: Load) -> Any:
    """Returns a connection, by TLS where `ca` is given.

    Raises:
        ConfigError: a file of it can't be read.
    """
    from kavc.serving.client.channel import proxy_options
    from kavc.serving.protos import MAX_MESSAGE_BYTES, grpc

    lengths = ("grpc.max_receive_message_length", "grpc.max_send_message_length")
    options = [*((name, MAX_MESSAGE_BYTES) for name in lengths), *proxy_options(load.address)]
    if load.ca is None:
        return grpc.insecure_channel(load.address, options=options)
    return grpc.secure_channel(load.address, _credentials(load), options=options)


def _credentials(load: Load) -> Any:
    from kavc.errors import ConfigError
    from kavc.serving.protos import grpc

    try:
        ca, key, cert = (
            file.read_bytes() if file else None for file in (load.ca, load.key, load.cert)
        )
        return grpc.ssl_channel_credentials(ca, key, cert)
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None
