"""A gRPC server that misbehaves as a test wants it, and both clients with one way to ask it."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kavc.serving import protos, wire
from kavc.serving.client.aio import AsyncClient
from kavc.serving.client.blocking import Client
from kavc.serving.client.retry import Retry

QUICK = Retry(attempts=3, wait=0.01)
LIMIT = 4096
MANY = np.arange(100 * 32, dtype="float32").reshape(100, 32)  # 12.8 kB: four parts
ONE = np.ones((1, 3), "float32")
DTYPES = {"float32": 1, "float64": 2, "int32": 3, "string": 7, "variant": 21, "undefined": 9999}


class Refusal(Exception):
    """Raised by `answer`: ends the call with a status."""

    def __init__(self, code: str, message: str = "no"):
        self.code, self.message = protos.grpc.StatusCode[code], message


class Fake(protos.PredictionServiceServicer, protos.ModelServiceServicer):
    """One model, "fake": y = x * version by default.

    Attributes:
        inputs, outputs: tensors of the signature; shape with -1 for any size, None for any rank.
        later: version to outputs of that version, where they are others.
        version: the latest, which answers where no version is asked for.
        answer: (number of the request, request, x) to outputs, or raises `Refusal`.
        requests, contexts, lefts: what came to Predict; the seconds that each was given.
        asked: how often metadata were asked for.
        statuses: what GetModelStatus tells, as (version, state, code, message).
    """

    def __init__(self, answer=None, inputs=None, outputs=None, version=1):
        self.inputs = inputs or {"x": ("float32", (-1, -1))}
        self.outputs = outputs or {"y": ("float32", (-1, -1))}
        self.later = {}
        self.version = version
        self.answer = answer or (lambda number, request, x: {"y": x * self.answering(request)})
        self.requests, self.lefts, self.asked = [], [], 0
        self.statuses = [(version, 30, 0, "")]

    def answering(self, request) -> int:
        spec = request.model_spec
        return spec.version.value if spec.HasField("version") else self.version

    def Predict(self, request, context):
        self.requests.append(request)
        self.lefts.append(context.time_remaining())
        number, version = len(self.requests), self.answering(request)
        arrays = {name: wire.to_array(proto, name) for name, proto in request.inputs.items()}
        try:
            outputs = self.answer(number, request, arrays.get("x"))
        except Refusal as refusal:
            context.abort(refusal.code, refusal.message)
        if isinstance(outputs, protos.PredictResponse):
            return outputs
        response = protos.PredictResponse(
            outputs={name: wire.to_proto(np.asarray(value)) for name, value in outputs.items()}
        )
        response.model_spec.version.value = version
        return response

    def GetModelMetadata(self, request, context):
        self.asked += 1
        version = self.answering(request)
        response = protos.GetModelMetadataResponse(model_spec={"name": "fake"})
        response.model_spec.version.value = version
        definition = signature(self.inputs, self.later.get(version, self.outputs))
        signatures = protos.SignatureDefMap(signature_def={"serving_default": definition})
        response.metadata["signature_def"].Pack(signatures)
        return response

    def GetModelStatus(self, request, context):
        response = protos.GetModelStatusResponse()
        for version, state, code, message in self.statuses:
            one = response.model_version_status.add(version=version, state=state)
            one.status.error_code, one.status.error_message = code, message
        return response


def signature(inputs: dict, outputs: dict):
    """Returns the `SignatureDef` of tensors, as `Fake` takes them."""
    definition = protos.SignatureDef(method_name="tensorflow/serving/predict")
    for side, tensors in ((definition.inputs, inputs), (definition.outputs, outputs)):
        for name, (dtype, shape) in tensors.items():
            side[name].dtype = DTYPES[dtype]
            side[name].tensor_shape.unknown_rank = shape is None
            for size in shape or ():
                side[name].tensor_shape.dim.add().size = size
    return definition


@contextlib.contextmanager
def serving(fake: Fake, *, port=0, credentials=None, more=(), threads=8, **limits):
    """Yields the address at which `fake` answers. `limits` are gRPC's options."""
    options = [(f"grpc.{name}", value) for name, value in limits.items()]
    server = protos.grpc.server(
        ThreadPoolExecutor(threads), options=[("grpc.so_reuseport", 0), *options]
    )
    protos.add_PredictionServiceServicer_to_server(fake, server)
    protos.add_ModelServiceServicer_to_server(fake, server)
    for add in more:
        add(server)
    where = f"localhost:{port}"
    if credentials is None:
        port = server.add_insecure_port(where)
    else:
        port = server.add_secure_port(where, credentials)
    server.start()
    fake.stop = lambda: server.stop(0).wait()
    try:
        yield f"localhost:{port}"
    finally:
        fake.stop()


class Sync:
    """A client with one way to be asked, `client(method, ...)`."""

    def __init__(self, address, **options):
        self.client = Client(address, **{"retries": QUICK, **options})

    def __call__(self, method, *arguments, **options):
        return getattr(self.client, method)(*arguments, **options)

    def __enter__(self):
        return self

    def close(self):
        self("close")

    def __exit__(self, *_):
        self.close()


class Async(Sync):
    """The same over `AsyncClient` and an event loop; parts one at a time, so that tests count."""

    def __init__(self, address, **options):
        self.loop = asyncio.new_event_loop()
        self.client = AsyncClient(address, **{"retries": QUICK, "concurrency": 1, **options})

    def __call__(self, method, *arguments, **options):
        return self.loop.run_until_complete(super().__call__(method, *arguments, **options))

    def __exit__(self, *_):
        self.close()
        self.loop.close()


CLIENTS = pytest.mark.parametrize("connect", [Sync, Async], ids=["sync", "async"])


def ask(connect, server, x=ONE, *, limits=None, call=None, **options):
    """Serves `server` for one predict; returns its outputs."""
    with serving(server, **(limits or {})) as address, connect(address, **options) as client:
        inputs = x if isinstance(x, dict) else {"x": x}
        return client("predict", "fake", inputs, **(call or {}))


def rows(server) -> list[int]:
    return [r.inputs["x"].tensor_shape.dim[0].size for r in server.requests]


def versions(server) -> list[int]:
    return [r.model_spec.version.value for r in server.requests]


def failing(numbers, code, message="no"):
    """Returns an `answer` that refuses the requests of these numbers."""

    def answer(number, request, x):
        if number in numbers:
            raise Refusal(code, message)
        return {"y": x}

    return answer
