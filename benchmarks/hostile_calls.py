"""Calls to a server: a good one, one as bytes that no client would send, and how they end."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from closed_loop import PREDICT
from hostile_models import WIDTH
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

MODEL = "a"  # the only one that requests are sent to
DETAILS = 4096  # bytes that the words of an error may have
# In gRPC's own words, and in ours, about bytes that are no message: INTERNAL, as gRPC has it.
NO_MESSAGE = ("deserializ", "can't be parsed")
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
]
SERVICES = "/tensorflow.serving."
METADATA = SERVICES + "PredictionService/GetModelMetadata"
STATUS = SERVICES + "ModelService/GetModelStatus"
HEALTH = "/grpc.health.v1.Health/"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@contextlib.contextmanager
def channel_to(address: str) -> Iterator[grpc.Channel]:
    """Yields a channel that shares its connection with no other."""
    with grpc.insecure_channel(address, options=OPTIONS) as channel:
        yield channel


# === Good requests ===


def good_of(model: str, rows: int = 2) -> PredictRequest:
    """Returns a request of ones, which a version answers by its number."""
    request = PredictRequest()
    request.model_spec.name = model
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.ones((rows, WIDTH), np.float32)))
    return request


def good(rows: int = 2) -> PredictRequest:
    """Returns such a request for `MODEL`."""
    return good_of(MODEL, rows)


def answers_rightly(channel: grpc.Channel) -> bool:
    """Returns whether a good request is answered as version 1 answers it."""
    request = good().SerializeToString()
    try:
        answer = channel.unary_unary(PREDICT)(request, timeout=20, wait_for_ready=True)
    except grpc.RpcError:
        return False
    output = tf.make_ndarray(PredictResponse.FromString(answer).outputs["y"])
    return bool((output == 1).all()) and output.shape == (2, WIDTH)


def answered_by(answer: bytes) -> tuple[str, int] | None:
    """Returns the model and the version that answered a good request; None if it is wrong."""
    response = PredictResponse.FromString(answer)
    version = response.model_spec.version.value
    if "y" not in response.outputs or not version:
        return None
    rightly = (tf.make_ndarray(response.outputs["y"]) == version).all()
    return (response.model_spec.name, version) if rightly else None


def each_signature(address: str, model: str) -> Iterator[tuple[str, str, str]]:
    """Asks every signature of a model, with ones.

    Yields:
        Its name, the gRPC code, and all that was answered, as text.
    """
    asked = GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = model
    with channel_to(address) as channel:
        found = GetModelMetadataResponse.FromString(
            channel.unary_unary(METADATA)(asked.SerializeToString(), wait_for_ready=True)
        )
        definitions = SignatureDefMap()
        found.metadata["signature_def"].Unpack(definitions)
        for name, definition in sorted(definitions.signature_def.items()):
            request = PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = model, name
            for key, info in definition.inputs.items():
                request.inputs[key].CopyFrom(_ones(info))
            try:
                answer = channel.unary_unary(PREDICT)(request.SerializeToString())
            except grpc.RpcError as error:
                yield name, error.code().name, error.details()
            else:
                yield name, "OK", answer.decode(errors="replace")


def _ones(info: Any) -> Any:
    """Returns a tensor that an input of a signature takes; of float32 if none can be made."""
    shape = [axis.size if 0 <= axis.size < 100 else 1 for axis in info.tensor_shape.dim]
    try:
        dtype = tf.dtypes.as_dtype(info.dtype)
        value = np.full(shape, b"one" if dtype == tf.string else 1)
        return tf.make_tensor_proto(value, dtype)
    except (TypeError, ValueError):
        return tf.make_tensor_proto(np.ones(shape, np.float32))


# === Any calls ===


@dataclass(frozen=True)
class Call:
    """One request as bytes, and how it is sent.

    Args:
        payload: the bytes, or what makes them when they are sent, if they are many.
        method: the path of the call.
        timeout: seconds; a call of at least one waits for a connection.
        stream: whether either side sends a stream; that of the request has one message.
        compression, metadata: as gRPC takes them.
        cancel_after: seconds after which the caller cancels it, if it does.
    """

    payload: bytes | Callable[[], bytes]
    method: str = PREDICT
    timeout: float = 60.0
    stream: bool = False
    compression: grpc.Compression | None = None
    metadata: tuple[tuple[str, str | bytes], ...] | None = None
    cancel_after: float | None = None


@dataclass
class Answers:
    """How calls ended.

    Args:
        codes: gRPC's, to how many calls ended with each.
        seconds: of each call.
        longest: bytes of the longest words of an error.
        faults: what is wrong with codes or words, to how often.
    """

    codes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    longest: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def note(self, code: str, details: str, seconds: float) -> None:
        """Adds one."""
        self.codes[code] += 1
        self.seconds.append(seconds)
        size = len(details.encode(errors="replace"))
        self.longest = max(self.longest, size)
        if not details.isprintable():
            self.faults["details that can't be printed"] += 1
        if size > DETAILS:
            self.faults["details over 4 KB"] += 1
        if "Traceback" in details:
            self.faults["a traceback in details"] += 1
        if code == "UNKNOWN" or (
            code == "INTERNAL" and not any(words in details for words in NO_MESSAGE)
        ):
            self.faults[code] += 1


def send(channel: grpc.Channel, call: Call, answers: Answers) -> None:
    """Sends one request and notes its end."""
    payload = call.payload() if callable(call.payload) else call.payload
    more = {
        "timeout": call.timeout,
        "metadata": call.metadata,
        "compression": call.compression,
        "wait_for_ready": call.timeout >= 1,  # a connection that was ended is made again
    }
    began = time.monotonic()
    code, details = "OK", ""
    try:
        if call.stream:
            for _ in channel.stream_stream(call.method)(iter([payload]), **more):
                pass
        elif call.cancel_after is None:
            channel.unary_unary(call.method)(payload, **more)
        else:
            future = channel.unary_unary(call.method).future(payload, **more)
            time.sleep(call.cancel_after)
            future.cancel()
            code = future.code().name
    except grpc.RpcError as error:
        code, details = error.code().name, error.details() or ""
    answers.note(code, details, time.monotonic() - began)
