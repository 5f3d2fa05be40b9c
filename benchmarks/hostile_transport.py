"""Requests whose harm lies in how they are sent: size, compression, method, metadata, time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import grpc
from hostile_calls import HEALTH, METADATA, MODEL, REFLECTION, SERVICES, STATUS, Call, good
from hostile_models import WIDTH
from hostile_predict import NAMES
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest

MIB = 2**20


def compressed(draw: random.Random) -> Call:
    """Compresses a good request."""
    way = draw.choice((grpc.Compression.Gzip, grpc.Compression.Deflate))
    return Call(good(draw.choice((1, 1000))).SerializeToString(), compression=way)


def zeros(mib: int, name: str, way: Any = None) -> Callable[[random.Random], Call]:
    """Returns what makes requests of some MiB for a model, perhaps compressed."""

    def payload() -> bytes:
        request = good()
        request.model_spec.name = name
        request.inputs["x"].tensor_shape.dim[0].size = mib * MIB // 4 // WIDTH
        request.inputs["x"].tensor_content = bytes(mib * MIB)
        return request.SerializeToString()

    return lambda draw: Call(payload, compression=way)


def oversized(draw: random.Random) -> Call:
    """Sends one MiB more than a server takes."""
    return Call(lambda: bytes(257 * MIB))


def bomb(draw: random.Random) -> Call:
    """Sends 1 GiB of zeros that compression makes small."""
    way = draw.choice((grpc.Compression.Gzip, grpc.Compression.Deflate))
    return Call(lambda: bytes(1024 * MIB), compression=way)


def other_call(draw: random.Random) -> Call:
    """Calls another method than Predict, with what it takes or with nonsense."""
    request = GetModelMetadataRequest()
    request.model_spec.name = draw.choice((MODEL, *NAMES))
    request.metadata_field.extend(draw.choices(("signature_def", *NAMES), k=draw.choice((0, 1, 9))))
    method, stream = draw.choice((
        (METADATA, False), (METADATA, False), (STATUS, False), (HEALTH + "Check", False),
        (HEALTH + "Watch", True), (REFLECTION, True), (SERVICES + "ModelService/HandleReload"
        "ConfigRequest", False), (SERVICES + "PredictionService/Classify", False),
    ))  # fmt: skip
    service = draw.choice((b"", b"a", b"tensorflow.serving.PredictionService", b"\xff" * 9))
    words = (
        request.SerializeToString(),
        b"\n" + bytes([len(service)]) + service,
        b"\x3a\x00",  # of reflection: list all services
        draw.randbytes(20),
    )
    return Call(draw.choice(words), method, timeout=0.3 if stream else 20.0, stream=stream)


def unknown_method(draw: random.Random) -> Call:
    """Calls a method that there is none of, or a name that is none."""
    methods = ("/", "//", "/x/y", SERVICES + "PredictionService/predict", "/" + "m" * 4000,
               "/ä/%00", SERVICES + "PredictionService/Predict/", "/a" * 300)  # fmt: skip
    return Call(good().SerializeToString(), draw.choice(methods), timeout=20.0)


def strange_metadata(draw: random.Random) -> Call:
    """Sends metadata that are large, many or not the caller's to set."""
    pairs: tuple[tuple[str, str | bytes], ...] = draw.choice((
        (("x-bin", draw.randbytes(500)),),
        (("x", "v" * 7000),),
        (("x", "v" * 100_000),),
        tuple((f"x{n}", "v") for n in range(draw.choice((50, 5000)))),
        (("grpc-timeout", "99999999H"),),
        (("content-type", "text/html"), ("te", "gzip"), ("grpc-encoding", "none")),
        (("grpc-status", "0"), ("grpc-message", "%%%"), ("user-agent", "")),
        (("grpc-accept-encoding", "," * 3000),),
    ))  # fmt: skip
    return Call(good().SerializeToString(), timeout=20.0, metadata=pairs)


def tiny_deadline(draw: random.Random) -> Call:
    """Gives a good request less time than it may need."""
    timeout = draw.choice((0.0, 1e-6, 0.0005, 0.002, 0.01))
    return Call(good(draw.choice((1, 100_000))).SerializeToString(), timeout=timeout)


def cancelled(draw: random.Random) -> Call:
    """Cancels a good request, mostly before it is answered."""
    payload = good(draw.choice((1, 100_000))).SerializeToString()
    return Call(payload, cancel_after=draw.choice((0.0, 0.0005, 0.002, 0.01)))
