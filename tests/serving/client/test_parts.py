"""Large batches in parts, all answered by one version: the same for both clients."""

from __future__ import annotations

import importlib.util
import re
import threading
from pathlib import Path

import numpy as np
import pytest

from kavc.errors import DataError, ServingError
from kavc.serving import protos, wire

spec = importlib.util.spec_from_file_location("fake", Path(__file__).parent / "fake.py")
fake = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fake)

Fake, Refusal, serving = fake.Fake, fake.Refusal, fake.serving
ask, failing, rows, versions = fake.ask, fake.failing, fake.rows, fake.versions
LIMIT, MANY, ONE = fake.LIMIT, fake.MANY, fake.ONE

pytestmark = fake.CLIENTS


def test_a_large_batch_is_cut_just_below_the_limit(connect):
    server = Fake()
    outputs = ask(connect, server, MANY, max_message_bytes=LIMIT)
    np.testing.assert_array_equal(outputs["y"], MANY)
    sizes = [request.ByteSize() for request in server.requests]
    assert len(sizes) == 4 and sum(rows(server)) == 100
    assert all(0.9 * LIMIT < size <= LIMIT for size in sizes[:-1])
    assert outputs["y"].flags.writeable


def test_a_request_of_just_the_limit_is_sent_whole(connect):
    server = Fake()
    ask(connect, server, MANY)
    size = server.requests[0].ByteSize()
    for limit, parts in ((size, 1), (size - 1, 2)):
        server = Fake()
        outputs = ask(connect, server, MANY, max_message_bytes=limit)
        np.testing.assert_array_equal(outputs["y"], MANY)
        assert len(server.requests) == parts


def test_uneven_text_is_measured(connect):
    words = np.array([b"a" * (3000 if row % 9 == 5 else 10) for row in range(40)], object)
    text = {"x": ("string", (-1,))}
    server = Fake(lambda number, request, x: {"y": x}, text, {"y": ("string", (-1,))})
    outputs = ask(connect, server, words, max_message_bytes=LIMIT)
    assert outputs["y"].tolist() == words.tolist()
    assert max(request.ByteSize() for request in server.requests) <= LIMIT
    words[7] = b"a" * 5000
    with pytest.raises(
        ServingError, match=r"one row .* 50\d\d bytes; max_message_bytes is 4096; 7 of"
    ):
        ask(connect, server, words, max_message_bytes=LIMIT)


def test_a_servers_lower_limit_is_found(connect):
    server = Fake()
    outputs = ask(connect, server, MANY, limits={"max_receive_message_length": LIMIT})
    np.testing.assert_array_equal(outputs["y"], MANY)
    assert rows(server) == [25] * 4  # 100 and 50 were refused before they were read


def test_large_answers_make_smaller_parts(connect):
    server = Fake(lambda number, request, x: {"y": np.repeat(x, 4, axis=1)})
    outputs = ask(connect, server, MANY, max_message_bytes=LIMIT)
    np.testing.assert_array_equal(outputs["y"], np.repeat(MANY, 4, axis=1))
    assert max(rows(server)[2:]) <= 8


def test_a_single_row_over_the_limit(connect):
    wide = np.zeros((3, 2000), "float32")
    server = Fake()
    with pytest.raises(ServingError, match=r"one row .* 8000 bytes; max_message_bytes is 4096"):
        ask(connect, server, wide, max_message_bytes=LIMIT)
    assert server.requests == []
    with pytest.raises(ServingError, match=r"one row .* 80\d\d bytes; .*\(80\d\d vs\. 4096\)") as e:
        ask(connect, server, wide, limits={"max_receive_message_length": LIMIT})
    assert e.value.code == "RESOURCE_EXHAUSTED" and server.requests == []


def test_inputs_without_a_batch_axis_are_not_cut(connect):
    inputs = {"x": ("float32", (-1, -1)), "k": ("int32", ())}
    server = Fake(inputs=inputs)
    with pytest.raises(ServingError, match=r"without a batch axis .* 12804 bytes; max.* is 4096"):
        ask(connect, server, {"x": MANY, "k": 3}, max_message_bytes=LIMIT)
    assert server.requests == []
    outputs = ask(connect, server, {"x": MANY, "k": 3})
    assert outputs["y"].shape == (100, 32) and outputs["y"].flags.writeable


def test_inputs_of_different_batch_sizes_are_not_sent(connect):
    inputs = {"x": ("float32", (-1, -1)), "z": ("int32", (-1,))}
    server = Fake(inputs=inputs)
    with pytest.raises(DataError, match=r"batch size: 'x' has 100, 'z' has 3"):
        ask(connect, server, {"x": MANY, "z": [1, 2, 3]})
    assert server.requests == []


def test_an_empty_batch_is_asked_for_once(connect):
    server = Fake()
    assert ask(connect, server, np.zeros((0, 4), "float32"))["y"].shape == (0, 4)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "outputs"),
    [
        (lambda number, request, x: {"y": x.mean()}, {"y": ("float32", ())}),
        (lambda number, request, x: {"y": x.mean(0)}, {"y": ("float32", None)}),
        (lambda number, request, x: {"y": x[:1]}, {"y": ("float32", (1, -1))}),
        (lambda number, request, x: {"y": x[:, :number]}, {"y": ("float32", (-1, -1))}),
    ],
)
def test_answers_that_can_not_be_joined(connect, answer, outputs):
    server = Fake(answer, outputs=outputs)
    with pytest.raises(ServingError, match=r"output 'y' of 'fake' .* can't be joined") as caught:
        ask(connect, server, MANY, max_message_bytes=LIMIT)
    assert caught.value.code == "OUT_OF_RANGE"
    ask(connect, Fake(answer, outputs=outputs), MANY)  # whole it goes


def test_a_row_that_is_no_row_is_told_by_the_signature(connect):
    """A mean over the batch has the shape of one row, where a part is one row."""
    wide = np.zeros((3, 900), "float32")
    answer, outputs = (lambda number, request, x: {"y": x[:1]}), {"y": ("float32", (1, -1))}
    with pytest.raises(ServingError, match="can't be joined"):
        ask(connect, Fake(answer, outputs=outputs), wide, max_message_bytes=LIMIT)


# Versions


def test_one_version_answers_all_parts(connect):
    def answer(number, request, x):
        result = {"y": x * server.answering(request)}
        server.version = 2  # from now on
        return result

    server = Fake(answer)
    outputs = ask(connect, server, MANY, max_message_bytes=LIMIT)
    np.testing.assert_array_equal(outputs["y"], MANY)
    assert versions(server) == [0, 1, 1, 1]


def test_a_version_that_goes_away_makes_the_call_start_again(connect):
    def answer(number, request, x):
        if number == 3:
            server.version = 2
        if server.answering(request) != server.version:
            raise Refusal("NOT_FOUND", "Servable not found for request: Specific(fake, 1)")
        return {"y": x * server.version}

    server = Fake(answer)
    outputs = ask(connect, server, MANY, max_message_bytes=LIMIT)
    np.testing.assert_array_equal(outputs["y"], MANY * 2)
    assert versions(server) == [0, 1, 1, 0, 2, 2, 2]
    assert server.asked == 2


@pytest.mark.parametrize(("call", "requests"), [({}, 4), ({"version": 1}, 2)])
def test_a_version_that_goes_away_again(connect, call, requests):
    server = Fake(failing((2, 4), "NOT_FOUND"))
    with pytest.raises(ServingError, match=r"NOT_FOUND: no; \d+ of 100 rows were ans") as caught:
        ask(connect, server, MANY, max_message_bytes=LIMIT, call=call)
    assert caught.value.code == "NOT_FOUND" and len(server.requests) == requests


def test_a_server_that_mixes_versions(connect):
    def answer(number, request, x):
        response = protos.PredictResponse(outputs={"y": wire.to_proto(x)})
        response.model_spec.version.value = number
        return response

    with pytest.raises(ServingError, match="version 2 of 'fake' answered for version 1"):
        ask(connect, Fake(answer), MANY, max_message_bytes=LIMIT)


def test_a_server_that_goes_away(connect):
    def answer(number, request, x):
        if number == 3:
            threading.Thread(target=server.stop).start()
            stopped.wait(10)
        return {"y": x}

    server, stopped = Fake(answer), threading.Event()
    try:
        with pytest.raises(ServingError) as caught:
            ask(connect, server, MANY, max_message_bytes=LIMIT)
    finally:
        stopped.set()
    found = re.search(r"(\d+) of 100 rows were answered, and none is returned", str(caught.value))
    assert int(found[1]) == sum(rows(server)[:2])


def test_outdated_metadata_are_noticed_by_a_refusal(connect):
    """A caller's float64 goes as float32 to version 1, and as it is to version 2."""

    def answer(number, request, x):
        if request.inputs["x"].dtype != fake.DTYPES[server.inputs["x"][0]]:
            raise Refusal("INVALID_ARGUMENT", "wrong dtype")
        return {"y": x}

    server = Fake(answer)
    with serving(server) as address, connect(address) as client:
        wide = {"x": ONE.astype("float64")}
        client("predict", "fake", wide)
        server.inputs, server.version = {"x": ("float64", (-1, -1))}, 2
        server.outputs = {"y": ("float64", (-1, -1))}
        assert client("predict", "fake", wide)["y"].dtype == "float64"
        assert (server.asked, len(server.requests)) == (2, 3)


def test_a_refusal_that_new_metadata_do_not_explain_stands(connect):
    server = Fake(failing((2, 3), "INVALID_ARGUMENT", "bad value"))
    with serving(server) as address, connect(address) as client:
        client("predict", "fake", {"x": ONE})
        with pytest.raises(ServingError, match="INVALID_ARGUMENT: bad value"):
            client("predict", "fake", {"x": ONE})
        assert len(server.requests) == 2


def test_metadata_are_remembered_until_another_version_answers(connect):
    server = Fake()
    with serving(server) as address, connect(address) as client:
        for version, asked in ((1, 1), (1, 1), (2, 2), (2, 2), (1, 3)):
            server.version = version
            assert client("predict", "fake", {"x": ONE})["y"][0, 0] == version
            assert server.asked == asked
