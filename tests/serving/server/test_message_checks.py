"""Messages that would unfold are refused by their wire format; what callers send passes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError, Message

from kavc.errors import ServingError
from kavc.serving.dtypes import FIELDS
from kavc.serving.protos import GetModelMetadataRequest, PredictRequest, TensorProto
from kavc.serving.server import message_checks
from kavc.serving.server.message_checks import MOST_FIELDS, MOST_VARINTS, SMALL, check_message

REFUSED = MOST_FIELDS + 1
NUMBERS = sorted(set(FIELDS.values()) - {"string_val"})


def varint(value):
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number, content):
    """A length-delimited field, as it is on the wire."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(content):
    """A request with one input, whose `TensorProto` has this content."""
    return field(2, field(1, b"x") + field(2, content))


def request(**values):
    return PredictRequest(inputs={"x": TensorProto(**values)}).SerializeToString()


EMPTY = {number: varint(number << 3 | 2) + b"\0" for number in (1, 2, 3, 5, 8, 14, 15)}


@pytest.mark.parametrize(
    "message",
    [
        EMPTY[1] * REFUSED,
        EMPTY[2] * REFUSED,
        EMPTY[3] * REFUSED,
        field(2, EMPTY[2] * REFUSED),
        tensor(EMPTY[2] * REFUSED),
        tensor(field(2, EMPTY[2] * REFUSED)),
        tensor(field(2, field(2, EMPTY[2]) * (REFUSED // 2))),
        tensor(EMPTY[5] * REFUSED),
        tensor(EMPTY[8] * REFUSED),
        tensor(EMPTY[14] * REFUSED),
        tensor(EMPTY[15] * REFUSED),
        tensor(field(15, EMPTY[3] * REFUSED)),
        tensor(field(15, field(3, EMPTY[8] * REFUSED))),
        b"\x48\x01" * REFUSED,
        tensor(b"\xfd\x01\0\0\0\0" * REFUSED),
        b"\x4b\x4c" * REFUSED,
    ],
    ids=[
        "model_spec", "inputs", "output_filter", "value of an input", "tensor_shape", "dim",
        "name of a dim", "float_val packed", "string_val", "resource_handle_val", "variant_val",
        "tensors of a variant", "string_val of a variant", "unknown number", "unknown fixed32",
        "groups",
    ],
)  # fmt: skip
def test_many_fields(message):
    with pytest.raises(ServingError, match="more than 100000 fields; send numbers as") as caught:
        check_message(message)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert len(str(caught.value).splitlines()) == 1


def test_as_many_texts_as_are_told():
    others = 3  # the input, its name, its value
    check_message(tensor(EMPTY[8] * (MOST_FIELDS - others)))
    with pytest.raises(ServingError, match="fields"):
        check_message(tensor(EMPTY[8] * (MOST_FIELDS - others + 1)))


@pytest.mark.parametrize("name", ["int_val", "int64_val", "bool_val", "half_val", "uint64_val"])
def test_packed_integers(name):
    number = TensorProto.DESCRIPTOR.fields_by_name[name].number
    check_message(tensor(field(number, b"\1" * MOST_VARINTS)))
    with pytest.raises(ServingError, match="more than 16 MiB of integers; send them as"):
        check_message(tensor(field(number, b"\1" * (MOST_VARINTS // 2 + 1)) * 2))


@pytest.mark.parametrize(
    "values",
    [
        {"tensor_content": bytes(MOST_VARINTS + 1)},
        {"float_val": np.zeros(10 * MOST_FIELDS)},
        {"string_val": [bytes(SMALL)] * 300},
    ],
    ids=lambda values: next(iter(values)),
)
def test_large_arrays_pass(values):
    check_message(request(**values))


@pytest.mark.parametrize("dtype", [*map(tf.dtypes.as_dtype, sorted(FIELDS))])
def test_what_tensorflow_makes_passes(dtype):
    array = np.full((300, 300), b"text", object)
    if dtype != tf.string:
        array = np.ones((300, 300), dtype.as_numpy_dtype)
    for values in (array, array.tolist()):
        message = PredictRequest(inputs={"x": tf.make_tensor_proto(values, dtype)})
        check_message(message.SerializeToString())
        assert len(message.SerializeToString()) > SMALL


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_one_by_one_and_packed(name):
    descriptor = TensorProto.DESCRIPTOR.fields_by_name[name]
    wire, value = {"double_val": (1, bytes(8)), "float_val": (5, bytes(4))}.get(name, (0, b"\1"))
    alone = varint(descriptor.number << 3 | wire) + value
    packed = tensor(field(descriptor.number, value * REFUSED))
    check_message(packed)
    check_message(tensor(alone * (MOST_FIELDS - 3)))
    assert len(getattr(PredictRequest.FromString(packed).inputs["x"], name)) == REFUSED
    assert len(getattr(PredictRequest.FromString(tensor(alone * 9)).inputs["x"], name)) == 9
    with pytest.raises(ServingError, match="fields"):
        check_message(tensor(alone * REFUSED))


def test_what_is_small_passes_unseen():
    check_message(EMPTY[2] * (SMALL // 2))


def test_names_of_other_requests_count():
    wanted = GetModelMetadataRequest(metadata_field=["signature_def"] * REFUSED)
    with pytest.raises(ServingError, match="fields"):
        check_message(wanted.SerializeToString())
    check_message(GetModelMetadataRequest(metadata_field=["a" * 99_999]).SerializeToString())


def nested(content, times):
    """A request with a tensor in a variant, so many times in one another."""
    for _ in range(times):
        content = field(15, field(3, content))
    return tensor(content)


def test_messages_deep_in_one_another():
    depth = next(n for n in range(1000) if not parses(nested(b"", n)))
    assert depth > 10
    for times in range(depth - 3, depth):  # as deep as the parser comes, fields are counted
        with pytest.raises(ServingError, match="fields"):
            check_message(nested(EMPTY[8] * REFUSED, times))
    endless = nested(b"", 20_000)
    check_message(endless)
    assert not parses(endless)


def parses(message):
    try:
        PredictRequest.FromString(message)
    except DecodeError:
        return False
    return True


@pytest.mark.parametrize(
    "message",
    [
        b"\xff" * 2 * SMALL,
        b"\x12" + b"\xff" * 2 * SMALL,
        b"\x12\xff\xff\xff\xff\x0f" + bytes(2 * SMALL),
        b"\x0c" * (SMALL + 1),
        b"\x0f" * 2 * SMALL,
        bytes(2 * SMALL) + b"\x80",
        tensor(field(8, bytes(2 * SMALL)))[:-1],
    ],
    ids=["tag", "length", "beyond the end", "end of a group", "wire type 7", "cut tag", "cut text"],
)
def test_broken_bytes_are_the_parsers(message):
    check_message(message)
    assert not parses(message)


def test_a_broken_input_hides_nothing_behind_it():
    with pytest.raises(ServingError, match="fields"):
        check_message(field(2, b"\xff") + EMPTY[3] * REFUSED)


def test_random_bytes_end_in_nothing_else(monkeypatch):
    monkeypatch.setattr(message_checks, "SMALL", 0)
    rng = np.random.default_rng(0)
    for size in [*range(200), *[2 * SMALL] * 50]:
        noise = rng.bytes(size)
        few_values = rng.choice(np.array([2, 8, 10, 11, 12, 18, 66, 122, 1, 255], np.uint8), size)
        for message in (noise, few_values.tobytes(), tensor(noise)):
            passed_or_refused(message)


def passed_or_refused(message):
    try:
        check_message(message)
    except ServingError as error:
        assert error.code == "INVALID_ARGUMENT"


def test_no_fewer_fields_than_the_parser_finds(monkeypatch):
    monkeypatch.setattr(message_checks, "SMALL", 0)
    rng = np.random.default_rng(0)
    counts = []
    for _ in range(100):
        message = random_content(rng, PredictRequest.DESCRIPTOR, 5)
        counts.append(values(PredictRequest.FromString(message)))
        monkeypatch.setattr(message_checks, "MOST_FIELDS", counts[-1] - 1)
        if counts[-1]:
            with pytest.raises(ServingError, match="fields"):
                check_message(message)
    assert max(counts) > 50


def random_content(rng, descriptor, depth):
    """The wire format of some fields of a kind of message, texts and messages."""
    parts = []
    for each in rng.permutation(np.array(descriptor.fields, object)):
        for _ in range(rng.integers(3)):
            if each.message_type is not None and depth:
                inside = random_content(rng, each.message_type, depth - 1)
                parts.append(field(each.number, inside))
            elif each.cpp_type == each.CPPTYPE_STRING:
                parts.append(field(each.number, b"a" * int(rng.integers(300))))
    return b"".join(parts)


def values(message):
    """Counts the texts and messages in what the parser made."""
    total = 0
    for _, value in message.ListFields():
        if isinstance(value, (str, bytes, Message)):
            each = [value]
        else:
            each = list(value.values() if hasattr(value, "values") else value)
        total += len(each) + sum(values(inner) for inner in each if isinstance(inner, Message))
    return total
