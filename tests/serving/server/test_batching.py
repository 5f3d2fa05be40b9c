"""Requests run as one batch: each gets its own rows, whatever shares the batch."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ServingError
from kavc.serving.configs import BatchingConfig
from kavc.serving.server.batching import BatchScheduler


class Doubling:
    """Stands for a graph; notes the shape of what it was called with."""

    def __init__(self):
        self.shapes = []
        self.gate = threading.Event()
        self.gate.set()
        self.called = threading.Semaphore(0)

    def close(self):
        """Holds up the calls that come from now on, and forgets those that came before."""
        self.gate.clear()
        self.called = threading.Semaphore(0)

    def __call__(self, signature, inputs):
        self.shapes.append(inputs["x"].shape)
        self.called.release()
        assert self.gate.wait(10)
        if (inputs["x"] < 0).any():
            raise tf.errors.InvalidArgumentError(None, None, "negative")
        return {"y": inputs["x"] * 2, "total": inputs["x"].sum(axis=-1)}


@pytest.fixture
def graph():
    return Doubling()


@pytest.fixture
def scheduler():
    """Makes schedulers with one thread, and stops them."""
    made = []

    def make(**settings):
        made.append(BatchScheduler(BatchingConfig(num_batch_threads=1, **settings)))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def rows(*values, width=3):
    return {"x": np.repeat(np.array(values, np.float32)[:, None], width, axis=1)}


def together(scheduler, graph, requests):
    """Sends requests while the only thread is held up by another, so that they share a batch."""
    graph.close()
    with ThreadPoolExecutor(len(requests) + 1) as pool:
        first = pool.submit(scheduler, graph, "f", rows(0))
        assert graph.called.acquire(timeout=10)
        answers = []
        for request in requests:
            answers.append(pool.submit(scheduler, graph, "f", request))
            wait_for(scheduler, len(answers))
        graph.gate.set()
        first.result(10)
        for answer in answers:
            answer.exception(10)
        return answers


def wait_for(scheduler, tasks):
    """Waits until so many requests are in the queue, by looking: there is no event for it."""
    for _ in range(1000):
        with scheduler._changed:
            if sum(len(batch.tasks) for batch in scheduler._queue) >= tasks:
                return
        threading.Event().wait(0.005)
    raise AssertionError("the requests did not come")


def test_a_batch_may_wait_longer_than_a_thread_can(scheduler, graph):
    scheduler = scheduler(max_batch_size=2, batch_timeout_micros=2**62)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(scheduler, graph, "f", rows(number)) for number in (1, 2)]
        assert [answer.result(10)["y"][0, 0] for answer in answers] == [2, 4]


def test_one_batch_and_each_its_own_rows(scheduler, graph):
    answers = together(scheduler(max_batch_size=8), graph, [rows(1), rows(2, 3), rows(4)])
    assert graph.shapes == [(1, 3), (4, 3)]
    for answer, expected in zip(answers, ([1], [2, 3], [4]), strict=True):
        np.testing.assert_array_equal(answer.result()["y"], 2 * rows(*expected)["x"])
        np.testing.assert_array_equal(answer.result()["total"], 3.0 * np.array(expected))


def test_a_full_batch_takes_no_more(scheduler, graph):
    together(scheduler(max_batch_size=2), graph, [rows(1), rows(2), rows(3)])
    assert graph.shapes == [(1, 3), (2, 3), (1, 3)]


def test_a_request_is_never_split(scheduler, graph):
    together(scheduler(max_batch_size=4), graph, [rows(1, 2, 3), rows(4, 5)])
    assert graph.shapes == [(1, 3), (3, 3), (2, 3)]


def test_a_lonely_request_waits_no_longer_than_it_should(scheduler, graph):
    outputs = scheduler(max_batch_size=8, batch_timeout_micros=1000)(graph, "f", rows(1))
    np.testing.assert_array_equal(outputs["y"], 2 * rows(1)["x"])


def test_allowed_sizes_are_filled_up_and_cut_off(scheduler, graph):
    scheduler = scheduler(max_batch_size=8, allowed_batch_sizes=(4, 8))
    outputs = scheduler(graph, "f", rows(1, 2, 3))
    assert graph.shapes == [(4, 3)]
    assert outputs["y"].shape == (3, 3)


def test_other_lengths_wait_elsewhere_unless_they_are_padded(scheduler, graph):
    requests = [rows(1, width=3), rows(2, width=5)]
    together(scheduler(max_batch_size=8), graph, requests)
    assert sorted(graph.shapes[1:]) == [(1, 3), (1, 5)]
    graph.shapes.clear()
    padding = scheduler(max_batch_size=8, pad_variable_length_inputs=True)
    short, long = together(padding, graph, requests)
    assert graph.shapes[1:] == [(2, 5)]
    np.testing.assert_array_equal(short.result()["y"], [[2] * 5])  # with the first value
    np.testing.assert_array_equal(long.result()["y"], [[4] * 5])


def test_a_long_row_is_not_joined_with_many(scheduler, graph):
    padding = scheduler(max_batch_size=256, pad_variable_length_inputs=True)
    few = rows(1, width=2**20)  # 4 MiB
    together(padding, graph, [few, rows(*range(200), width=1), rows(*range(9), width=1), few])
    assert sorted(graph.shapes[1:]) == [(1, 2**20), (1, 2**20), (209, 1)]


def test_rows_of_one_length_are_joined_however_large(scheduler, graph):
    padding = scheduler(max_batch_size=256, pad_variable_length_inputs=True)
    together(padding, graph, [rows(*range(9), width=2**20), rows(*range(9), width=2**20)])
    assert graph.shapes[1:] == [(18, 2**20)]


def test_other_ranks_wait_elsewhere(scheduler, graph):
    padding = scheduler(max_batch_size=8, pad_variable_length_inputs=True)
    answers = together(padding, graph, [rows(1), {"x": np.ones((1, 2, 3), np.float32)}])
    assert sorted(graph.shapes[1:]) == [(1, 2, 3), (1, 3)]
    assert [answer.result()["y"].ndim for answer in answers] == [2, 3]


def test_a_long_row_is_not_repeated_to_fill_up(scheduler, graph):
    scheduler = scheduler(max_batch_size=256, allowed_batch_sizes=(256,))
    outputs = scheduler(graph, "f", rows(1, width=2**20))
    assert graph.shapes == [(1, 2**20)] and outputs["y"].shape == (1, 2**20)


def test_one_that_is_refused_spoils_no_other(scheduler, graph):
    good, bad, last = together(scheduler(max_batch_size=8), graph, [rows(1), rows(-1), rows(2)])
    assert isinstance(bad.exception(), tf.errors.InvalidArgumentError)
    np.testing.assert_array_equal(good.result()["y"], 2 * rows(1)["x"])
    np.testing.assert_array_equal(last.result()["y"], 2 * rows(2)["x"])


def test_a_full_queue_refuses(scheduler, graph):
    scheduler = scheduler(max_batch_size=1, max_enqueued_batches=2)
    *accepted, refused = together_refusing(scheduler, graph, [rows(1), rows(2), rows(3)])
    assert refused.exception().code == "UNAVAILABLE"
    assert [answer.result()["y"][0, 0] for answer in accepted] == [2, 4]


def together_refusing(scheduler, graph, requests):
    graph.close()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(scheduler, graph, "f", rows(0))
        assert graph.called.acquire(timeout=10)
        answers = []
        for request in requests[:-1]:
            answers.append(pool.submit(scheduler, graph, "f", request))
            wait_for(scheduler, len(answers))
        answers.append(pool.submit(scheduler, graph, "f", requests[-1]))
        assert answers[-1].exception(10) is not None
        graph.gate.set()
        first.result(10)
    return answers


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (rows(1, 2, 3), "3 rows are more than a batch may hold, 2"),
        ({**rows(1), "z": np.zeros(2)}, "same number of rows; got 'x' 1, 'z' 2"),
    ],
)
def test_what_no_batch_can_hold(scheduler, graph, inputs, message):
    with pytest.raises(ServingError, match=message) as caught:
        scheduler(max_batch_size=2)(graph, "f", inputs)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_an_output_without_rows_is_refused(scheduler):
    def graph(signature, inputs):
        return {"mean": inputs["x"].mean()}

    with pytest.raises(ServingError, match=r"'mean' has the shape \(\) for 2 rows") as caught:
        scheduler(max_batch_size=2, allowed_batch_sizes=(2,))(graph, "f", rows(1))
    assert caught.value.code == "FAILED_PRECONDITION"


def test_no_rows_and_scalars_go_straight_through(scheduler, graph):
    scheduler = scheduler(max_batch_size=2, allowed_batch_sizes=(2,))
    assert scheduler(graph, "f", rows())["y"].shape == (0, 3)
    assert scheduler(graph, "f", {"x": np.float32(2)})["y"] == 4
    assert scheduler(lambda signature, inputs: {"y": len(inputs)}, "f", {}) == {"y": 0}


def test_whatever_fails_is_told(scheduler):
    def graph(signature, inputs):
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        scheduler(max_batch_size=2)(graph, "f", rows(1))


def test_what_waits_is_answered_before_the_threads_end(graph):
    scheduler = BatchScheduler(
        BatchingConfig(max_batch_size=8, batch_timeout_micros=60_000_000, num_batch_threads=2)
    )
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(scheduler, graph, "f", rows(1))
        wait_for(scheduler, 1)
        scheduler.stop()
        assert answer.result(10)["y"][0, 0] == 2
    with pytest.raises(ServingError, match="full"):
        scheduler(graph, "f", rows(1))


def test_a_served_model_answers_the_same_in_batches(models_dir, tiny, network):
    from kavc.serving.client.blocking import Client
    from kavc.serving.server.local import LocalServer

    config = BatchingConfig(
        max_batch_size=16, batch_timeout_micros=5000, num_batch_threads=2,
        pad_variable_length_inputs=True,
    )  # fmt: skip
    batches = [tiny.batch(1 + seed % 3, 4 + seed % 5, seed=seed) for seed in range(24)]
    with (
        LocalServer(models_dir, port=0, batching=config) as server,
        Client(server.address) as client,
        ThreadPoolExecutor(12) as pool,
    ):
        found = list(pool.map(lambda inputs: client.predict("tiny", inputs), batches))
    for outputs, inputs in zip(found, batches, strict=True):
        expected = tiny.answers(network, inputs)["match"]
        np.testing.assert_allclose(outputs["match"], expected, atol=1e-6, rtol=0)
