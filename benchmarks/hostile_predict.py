"""Predict requests that are spoilt: in fields, bytes, names and numbers, by a draw."""

from __future__ import annotations

import random
from collections.abc import Callable

from hostile_calls import Call, good
from hostile_mutations import spoilt_bytes
from tensorflow_serving.apis.predict_pb2 import PredictRequest

SIZES = (-(2**63), -(2**31), -1, 0, 1, 2, 3, 7, 2**20, 2**31, 2**32, 2**40, 2**62, 2**63 - 1)
NAMES = ("", "x", "y", "Y", "ä" * 40, "a/b", "../etc", "\0", "n" * 5000, "find", "scale")
CONTROL = (
    "\x1b[2J\x1b[31mred", "a\nb", "2026-01-01 ERROR forged\r\n", "\x9b2J", "\u202egnp.exe",
    "\u200bx", "\x7f\x08\x08", "\x00\x00",
)  # fmt: skip


def spoilt_fields(draw: random.Random) -> Call:
    """Spoils one to three fields of a good request."""
    request = good()
    for _ in range(draw.choice((1, 1, 2, 3))):
        draw.choice((_spec, _tensor, _values, _inputs))(draw, request)
    return Call(request.SerializeToString())


def _spec(draw: random.Random, request: PredictRequest) -> None:
    spec = request.model_spec
    action = draw.randrange(5)
    if action == 0:
        spec.name = draw.choice(NAMES)
    elif action == 1:
        spec.version.value = draw.choice(SIZES)
    elif action == 2:
        spec.version_label = draw.choice(NAMES)
    elif action == 3:
        spec.signature_name = draw.choice(NAMES)
    else:
        request.output_filter.extend(draw.choices(NAMES, k=draw.choice((1, 2, 200))))


def _tensor(draw: random.Random, request: PredictRequest) -> None:
    tensor = request.inputs["x"]
    action = draw.randrange(4)
    if action == 0:
        tensor.dtype = draw.choice((*range(30), *range(100, 125), 2**31 - 1, -1))
    elif action == 1:
        for _ in range(draw.choice((1, 2, 300))):
            tensor.tensor_shape.dim.add(size=draw.choice(SIZES))
    elif action == 2:
        tensor.tensor_shape.unknown_rank = True
    elif tensor.tensor_shape.dim:
        draw.choice(tensor.tensor_shape.dim).size = draw.choice(SIZES)


def _values(draw: random.Random, request: PredictRequest) -> None:
    tensor = request.inputs["x"]
    kind = draw.choice(("float_val", "int_val", "int64_val", "string_val", "half_val", "bytes"))
    if kind == "bytes":
        old = tensor.tensor_content
        tensor.tensor_content = draw.choice((b"", old[:-1], old * 2, b"\xff" * len(old)))
        return
    tensor.ClearField("tensor_content")
    value = {"string_val": b"x", "half_val": 70000}.get(kind, 3)
    getattr(tensor, kind).extend([value] * draw.choice((0, 1, 3, 60)))


def _inputs(draw: random.Random, request: PredictRequest) -> None:
    request.inputs[draw.choice(NAMES)].CopyFrom(request.inputs["x"])
    if draw.random() < 0.7:
        del request.inputs["x"]


def terabytes(draw: random.Random) -> Call:
    """Claims a tensor far larger than what the request holds of it."""
    request = good()
    tensor = request.inputs["x"]
    tensor.tensor_shape.dim[0].size = draw.choice((2**38, 2**40, 2**60, 2**62))
    if draw.random() < 0.5:
        tensor.tensor_content = b""
        tensor.float_val.append(1.0)  # a single value stands for all
    return Call(request.SerializeToString())


def spoilt_payload(draw: random.Random) -> Call:
    """Spoils the bytes of a good request."""
    return Call(spoilt_bytes(draw, good().SerializeToString()))


def named(name: Callable[[random.Random], str]) -> Callable[[random.Random], Call]:
    """Returns what puts names into each of the places where one may stand, in turn."""
    places = iter(range(10**9))

    def make(draw: random.Random) -> Call:
        request, word, place = good(), name(draw), next(places) % 5
        if place == 0:
            request.model_spec.name = word
        elif place == 1:
            request.model_spec.signature_name = word
        elif place == 2:
            request.inputs[word].CopyFrom(request.inputs["x"])
        elif place == 3:
            request.output_filter.append(word)
        else:
            request.model_spec.version_label = word
        return Call(request.SerializeToString())

    return make


def many_inputs(draw: random.Random) -> Call:
    """Gives a request thousands of inputs."""
    request = good()
    for number in range(draw.choice((1000, 10_000))):
        request.inputs[f"x{number}"].CopyFrom(request.inputs["x"])
    return Call(request.SerializeToString())


def many_filters(draw: random.Random) -> Call:
    """Asks for an output thousands of times."""
    request = good()
    more = draw.choice((["y"], ["x"], [f"y{n}" for n in range(10)]))
    request.output_filter.extend(more * draw.choice((1000, 10_000)))
    return Call(request.SerializeToString())
