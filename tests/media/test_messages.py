import json
import math
import socket
import threading
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kavc.errors import ConfigError, DataError, ExportError, KavcError
from kavc.media import At, Crop, Exactly, Frames, KeyFrames, Rate, Sound, Uniform, probe
from kavc.media.messages import (
    DTYPES,
    KINDS,
    LENGTH,
    MOST_ARRAYS,
    MOST_HEADER,
    loaded,
    packed,
    receive,
    transmit,
)


@pytest.fixture
def lines():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def sent(value):
    """Sends a value there, and returns it as it arrives."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=transmit, args=(ours, packed(value)))
        sender.start()
        found = receive(theirs, 60)
        sender.join()
        return found


def check_same(found, value):
    """Same types, the same to the last bit."""
    assert type(found) is type(value)
    if isinstance(value, np.ndarray | np.generic):
        assert found.dtype == value.dtype and found.shape == value.shape
        assert found.tobytes() == value.tobytes()
    elif isinstance(value, list | tuple):
        assert len(found) == len(value)
        for one, other in zip(found, value, strict=True):
            check_same(one, other)
    elif isinstance(value, dict):
        assert list(found) == list(value)
        check_same(list(found.values()), list(value.values()))
    elif isinstance(value, float):
        assert math.isnan(found) if math.isnan(value) else found.hex() == value.hex()
    elif is_dataclass(value):
        for field in fields(value):
            check_same(getattr(found, field.name), getattr(value, field.name))
    elif isinstance(value, KavcError):
        assert str(found) == str(value)
    else:
        assert found == value


FRAMES = Frames(np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3), np.ones(1), np.zeros(1), "cut")


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, -(2**63), 10**40, "", "späť\n", "\udcff\ud83d\ude00", [], (), {},
        0.1, -0.0, 5e-324, math.inf, -math.inf, math.nan, [1, (2.0, "x"), {"dict": {"array": 0}}],
        Path("a/b"), Path("\udcff"), np.float32(0.1), np.bool_(True), np.int64(-1),
        np.zeros((0, 3), np.int16), np.array(7.0), np.array([True, False]),
        At([0.5, 2.0]), At(np.array([0.5, 2.0])), Crop(256, 224), Exactly(2, 3), Rate(2.0, 3),
        Uniform(3), FRAMES, KeyFrames(FRAMES, np.array([True])),
        Sound(np.zeros(3, np.float32), 16000, 0.5), DataError("a: b"), ConfigError("c"),
        KavcError("d"),
    ],
    ids=repr,
)  # fmt: skip
def test_values_arrive_as_they_were(value):
    check_same(sent(value), value)


def test_what_a_file_has_arrives(talkie):
    check_same(sent(probe(talkie)), probe(talkie))


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_each_dtype_and_order(dtype):
    array = (np.arange(24) % 2).astype(dtype).reshape(2, 3, 4)
    for each in (array, array.T, array[:, ::2], array[..., ::-1], np.asfortranarray(array)):
        check_same(sent(each), np.ascontiguousarray(each))
    other = array.astype(array.dtype.newbyteorder(">"))
    check_same(sent(other), array)


def test_what_arrives_may_be_written_to():
    found = sent(np.zeros(3))
    found[0] = 1
    assert found[0] == 1


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.builds(Path, st.text())
    | st.sampled_from(DTYPES).flatmap(lambda dtype: arrays(dtype, array_shapes(min_side=0)))
    | st.builds(Crop, st.integers(10, 20), st.integers(1, 10)),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.builds(lambda mask: KeyFrames(FRAMES, mask), inner)
    ),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_any_nested_value_arrives(value):
    check_same(sent(value), value)


def test_errors_of_other_kinds_arrive_as_the_nearest_one():
    found = sent(ExportError("a"))
    assert type(found) is KavcError and str(found) == "a"


def test_an_error_can_say_nothing_but_text(lines):
    body = json.dumps({"value": {"error": ["DataError", "a\n\x1b[2Jb"]}, "arrays": []}).encode()
    lines[0].sendall(LENGTH.pack(len(body)) + body)
    assert str(receive(lines[1])) == r"a\n\x1b[2Jb"


def test_all_kinds_are_there():
    for name in KINDS:
        kind = loaded(name)
        assert is_dataclass(kind) and f"{kind.__module__}:{kind.__qualname__}" == name


def nest(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({1, 2}, "a value of builtins:set can't be sent"),
        (b"0", "a value of builtins:bytes"),
        (print, "a value of builtins:builtin_function_or_method"),
        (ValueError("a"), "a value of builtins:ValueError"),
        (np.ma.zeros(3), "a value of numpy"),
        ({1: 2}, "keys of a dict in a message are of str; got 1"),
        (np.zeros(3, np.float16), "an array of float16 can't be sent"),
        (np.array([None]), "an array of object can't be sent"),
        (np.str_("a"), "an array of <U1 can't be sent"),
        (np.array(["a"]), "an array of <U1 can't be sent"),
        (["0" * MOST_HEADER], "a message has 1024 KiB at most beside its arrays"),
        (np.broadcast_to(np.uint8(0), MOST_ARRAYS + 1), "the arrays of a message have 2 GiB"),
        (nest(10**5), "nested too deeply"),
        (10**5000, "too many digits"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_sent(value, words):
    with pytest.raises(ConfigError, match=words):
        packed(value)


def test_a_list_that_holds_itself_is_not_sent():
    value = []
    value.append(value)
    with pytest.raises(ConfigError, match="holds itself"):
        packed(value)


def header(value, *shapes):
    return json.dumps({"value": value, "arrays": shapes}).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "JSONDecodeError"),
        (b"\xff", "UnicodeDecodeError"),
        (b"\x80\x04N.", "UnicodeDecodeError"),  # a pickle
        (b"", "JSONDecodeError"),
        (b"3", "TypeError"),
        (b"{}", "KeyError"),
        (b"[" * 10**5, "RecursionError"),
        (b'{"value": ' + b"1" * 5000 + b', "arrays": []}', "ValueError"),
        (b'{"value": 1, "arrays": 3}', "TypeError"),
        (header(1, 3), "TypeError"),
        (header(1, "ab"), "an array of 'a'"),
        (header({"array": 0}, ["object", [1]]), "an array of 'object'"),
        (header({"array": 0}, [["uint8"], [1]]), "an array of"),
        (header({"array": 0}, ["uint8", 3]), "an array of 'uint8' and 3"),
        (header({"array": 0}, ["uint8", [1] * 33]), "an array of 'uint8'"),
        (header({"array": 0}, ["uint8", [-1]]), "an array of the shape"),
        (header({"array": 0}, ["uint8", [-1, -1]]), "an array of the shape"),
        (header({"array": 0}, ["uint8", [True]]), "an array of the shape"),
        (header({"array": 0}, ["uint8", [1.0]]), "an array of the shape"),
        (header({"array": 0}, ["uint8", [2**62]]), "an array of the shape"),
        (header({"array": 0}, ["float64", [2**28 + 1]]), "its arrays would have"),
        (header([{"array": 0}, {"array": 1}], *[["uint8", [2**30 + 1]]] * 2), "its arrays"),
        (header({"array": 0}, ["uint8", [0, *[2**31] * 3]]), "an array of the shape"),
        (header({"array": 1}, ["uint8", [0]]), "KeyError"),
        (header({"array": []}), "KeyError"),
        (header([{"array": 0}, {"array": 0}], ["uint8", [0]]), "KeyError"),
        (header(1, ["uint8", [0]]), "arrays that no value holds"),
        (header({}), "ValueError"),
        (header({"tuple": [], "dict": {}}), "ValueError"),
        (header({"set": []}), "KeyError"),
        (header({"os:system": {"command": "true"}}), "KeyError"),
        (header({"kavc.media.container:open_container": {"path": "a"}}), "KeyError"),
        (header({"kavc.media.sound:Sound": {"samples": 1}}), "TypeError"),
        (header({"kavc.media.sound:Sound": [1]}), "AttributeError"),
        (header({"kavc.media.moments:Uniform": {"count": -3}}), "ConfigError"),
        (header({"kavc.media.moments:Uniform": {"count": "a"}}), "TypeError"),
        (header({"tuple": {"a": 1}}), "TypeError"),
        (header({"dict": []}), "AttributeError"),
        (header({"float": "1e3"}), "KeyError"),
        (header({"path": 3}), "TypeError"),
        (header({"error": ["SystemExit", "a"]}), "KeyError"),
        (header({"error": ["DataError"]}), "ValueError"),
        (header({"error": ["DataError", 3]}), "TypeError"),
        (header(nest(600)), "RecursionError"),
    ],
)
def test_what_is_no_message(lines, content, words):
    lines[0].sendall(LENGTH.pack(len(content)) + content)
    lines[0].shutdown(socket.SHUT_WR)  # no byte of an array is read
    with pytest.raises(DataError, match="what the process sent is no message") as error:
        receive(lines[1], 60)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_header_that_is_too_long(lines):
    lines[0].sendall(LENGTH.pack(MOST_HEADER + 1))
    with pytest.raises(DataError, match="its header would have 1048577 bytes"):
        receive(lines[1], 60)


def test_bools_that_are_none(lines):
    content = header({"array": 0}, ["bool", [2]])
    lines[0].sendall(LENGTH.pack(len(content)) + content + b"\1\2")
    with pytest.raises(DataError, match="bools that are neither true nor false"):
        receive(lines[1], 60)


def test_a_message_that_ends_too_early(lines):
    whole = b"".join(bytes(part) for part in packed([np.arange(3), "a"]))
    for length in range(len(whole)):
        ours, theirs = socket.socketpair()
        with theirs:
            with ours:
                ours.sendall(whole[:length])
            with pytest.raises(EOFError):
                receive(theirs, 60)


def test_messages_follow_one_another(lines):
    for value in (1, np.arange(3), "b"):
        transmit(lines[0], packed(value))
    assert [receive(lines[1]), receive(lines[1]).tolist(), receive(lines[1])] == [1, [0, 1, 2], "b"]


def test_a_message_has_its_time(lines):
    with pytest.raises(TimeoutError):
        receive(lines[1], 0.01)
    lines[0].sendall(packed(np.arange(3))[0])
    with pytest.raises(TimeoutError):  # for its arrays, too
        receive(lines[1], 0.01)
    with pytest.raises(TimeoutError):
        transmit(lines[0], packed(np.zeros(2**20)), 0.01)
