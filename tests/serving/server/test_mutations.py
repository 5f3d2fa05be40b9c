"""Requests spoilt at random: a server in a process of its own says what is wrong, and lives on."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kavc.serving.protos import PredictionServiceStub, PredictRequest, grpc

SERVE = """
import sys
from kavc.serving.server.memory import keep_freed_memory
from kavc.serving.server.local import LocalServer
keep_freed_memory()
with LocalServer(sys.argv[1], port=0) as server:
    print(server.address, flush=True)
    sys.stdin.read()
"""
ALLOWED = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED", "RESOURCE_EXHAUSTED"}
# What TensorFlow Serving answers to a signature that isn't there (predict_util.cc).
UNKNOWN_SIGNATURE = "FAILED_PRECONDITION"
MEMORY = 50  # MiB
SIZES = (-(2**63), -(2**31), -5, -1, 0, 1, 2, 3, 4, 7, 2**20, 2**31, 2**32, 2**40, 2**62, 2**63 - 1)
WORDS = ("", "x", "audio", "theme ", "Audio", "ä" * 40, "a/b", "../etc", "\0", "n" * 5000)


@pytest.fixture(scope="module")
def served(models_dir):
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(models_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        process.address = process.stdout.readline().strip()
        yield process
        process.stdin.close()
        assert process.wait(30) == 0


@pytest.fixture
def stub(served):
    with grpc.insecure_channel(served.address) as channel:
        yield PredictionServiceStub(channel)


@pytest.fixture
def send(served):
    """Sends bytes as they are."""
    with grpc.insecure_channel(served.address) as channel:
        yield channel.unary_unary("/tensorflow.serving.PredictionService/Predict")


def good(tiny, seed) -> PredictRequest:
    inputs = {
        name: tf.make_tensor_proto(value) for name, value in tiny.batch(3, 5, seed=seed).items()
    }
    return PredictRequest(model_spec={"name": "tiny"}, inputs=inputs)


def some(draw, request):
    """An input, if one is left."""
    names = sorted(request.inputs)
    return request.inputs[draw.choice(names)] if names else request.inputs["audio"]


def dtype(draw, request):
    some(draw, request).dtype = draw.choice((*range(30), *range(100, 125), 2**31 - 1, -1))


def size(draw, request):
    axes = some(draw, request).tensor_shape.dim
    if axes:
        draw.choice(axes).size = draw.choice(SIZES)


def rank(draw, request):
    shape = some(draw, request).tensor_shape
    action = draw.randrange(4)
    if action == 0:
        shape.unknown_rank = True
    elif action == 1:
        del shape.dim[:]
    elif action == 2 and shape.dim:
        del shape.dim[-1]
    else:
        for _ in range(draw.choice((1, 2, 300))):
            shape.dim.add().size = draw.choice(SIZES)


def content(draw, request):
    tensor = some(draw, request)
    old = tensor.tensor_content
    tensor.tensor_content = draw.choice((b"", old[:-1], old + b"\0", old * 2, b"\xff" * len(old)))


def values(draw, request):
    tensor = some(draw, request)
    tensor.ClearField("tensor_content")
    field = draw.choice(("float_val", "int_val", "int64_val", "string_val", "half_val", "bool_val"))
    value = {"string_val": b"x", "bool_val": True, "half_val": 70000}.get(field, 3)
    getattr(tensor, field).extend([value] * draw.choice((0, 1, 3, 60)))


def not_finite(draw, request):
    shape = tuple(axis.size for axis in request.inputs["audio"].tensor_shape.dim)
    if all(0 <= n < 100 for n in shape) and len(shape) < 4:
        value = np.full(shape, draw.choice((np.nan, np.inf, -np.inf)), np.float32)
        request.inputs["audio"].CopyFrom(tf.make_tensor_proto(value))


def input_name(draw, request):
    names = sorted(request.inputs)
    if names:
        name = draw.choice(names)
        if draw.random() < 0.6:
            request.inputs[draw.choice(WORDS)].CopyFrom(request.inputs[name])
        if draw.random() < 0.7:
            del request.inputs[name]


def spec(draw, request):
    action = draw.randrange(4)
    if action == 0:
        request.ClearField("model_spec")
    elif action == 1:
        request.model_spec.name = draw.choice(WORDS)
    elif action == 2:
        request.model_spec.version.value = draw.choice(SIZES)
    else:
        request.model_spec.version_label = draw.choice(WORDS)


def signature(draw, request):
    request.model_spec.signature_name = draw.choice(WORDS)


def output_filter(draw, request):
    request.output_filter.extend(draw.choices((*WORDS, "match"), k=draw.choice((1, 2, 200))))


MUTATIONS = (
    dtype, size, rank, content, values, not_finite, input_name, spec, signature, output_filter,
)  # fmt: skip


def answer(call, request) -> str:
    try:
        call(request, timeout=20)
    except grpc.RpcError as error:
        details = error.details()
        assert "Traceback" not in details and ".py" not in details
        return error.code().name
    return "OK"


def memory(process) -> float:
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096 / 2**20


def test_spoilt_fields(served, stub, tiny):
    codes = Counter()
    before = None
    for seed in range(5000):
        draw = random.Random(seed)
        request = good(tiny, seed)
        chosen = draw.choices(MUTATIONS, k=draw.choice((1, 1, 2, 3)))
        for mutation in chosen:
            mutation(draw, request)
        allowed = ALLOWED | ({UNKNOWN_SIGNATURE} if signature in chosen else set())
        code = answer(stub.Predict, request)
        assert code in allowed, (seed, code, [mutation.__name__ for mutation in chosen])
        codes[code] += 1
        if seed == 100:
            before = memory(served)
    after = memory(served)
    assert after - before < MEMORY
    assert {"OK", "INVALID_ARGUMENT", "NOT_FOUND"} <= set(codes)
    assert answer(stub.Predict, good(tiny, 0)) == "OK"
    print(codes, f"memory {before:.0f} to {after:.0f} MiB")


def test_spoilt_bytes(served, send, tiny):
    codes = Counter()
    before = None
    for seed in range(1000):
        draw = random.Random(seed)
        message = bytearray(good(tiny, seed).SerializeToString())
        for _ in range(draw.choice((1, 2, 8, 50))):
            if not message:
                break
            place = draw.randrange(len(message))
            action = draw.randrange(4)
            if action == 0:
                message[place] = draw.randrange(256)
            elif action == 1:
                del message[place : place + draw.choice((1, 10))]
            elif action == 2:
                message[place:place] = draw.randbytes(draw.choice((1, 10, 100)))
            else:
                message = message[: place + 1]
        codes[answer(send, bytes(message))] += 1
        if seed == 100:
            before = memory(served)
    after = memory(served)
    assert after - before < MEMORY
    assert answer(send, good(tiny, 0).SerializeToString()) == "OK"
    # INTERNAL is gRPC's own answer to bytes that are no message.
    assert set(codes) <= ALLOWED | {UNKNOWN_SIGNATURE, "INTERNAL"}, codes
    print(codes, f"memory {before:.0f} to {after:.0f} MiB")
