"""Messages and answers are counted until they have come, and until they have been taken."""

from __future__ import annotations

import grpc
import pytest

from kavc.serving.server.memory import FreedMemory
from kavc.serving.server.receiving import Receiving


class Aborted(Exception):
    """What gRPC raises when a call is refused."""


class Context:
    """A call as a method sees it; `ended` says that the caller has gone."""

    def __init__(self, ended=False):
        self.callbacks, self.ended, self.cancelled, self.code = [], ended, False, None

    def peer(self):
        return "ipv4:10.0.0.1:1000"

    def cancel(self):
        self.cancelled = True

    def add_callback(self, callback):
        if not self.ended:
            self.callbacks.append(callback)
        return not self.ended

    def abort(self, code, details):
        self.code, self.details = code, details
        raise Aborted

    def end(self):
        for callback in self.callbacks:
            callback()


@pytest.fixture
def receiving():
    return Receiving(60.0, 100, FreedMemory())


def answering(receiving, method):
    """Returns what is registered for a method that takes and gives bytes."""
    handler = grpc.unary_unary_rpc_method_handler(method, lambda b: b, lambda b: b)
    return receiving.intercept_service(lambda _: handler, None).stream_unary


def test_an_answer_counts_until_it_is_taken(receiving):
    context = Context()
    assert answering(receiving, lambda message, _: message * 2)(iter([b"ab"]), context) == b"abab"
    assert receiving.on_their_way() == 1 and receiving._held._bytes == 4
    context.end()
    assert receiving.on_their_way() == 0 and receiving._held._bytes == 0


def test_an_answer_to_a_caller_who_has_gone_counts_no_more(receiving):
    answering(receiving, lambda message, _: message)(iter([b"ab"]), Context(ended=True))
    assert receiving.on_their_way() == 0 and receiving._held._bytes == 0


def test_an_answer_that_nobody_takes_is_ended():
    receiving, context = Receiving(-1.0, 100, FreedMemory()), Context()
    answering(receiving, lambda message, _: message)(iter([b"ab"]), context)
    receiving.tidy()
    assert context.cancelled


def test_more_bytes_than_are_held(receiving):
    method = answering(receiving, lambda message, _: message * 9)
    taken = Context()
    method(iter([b"x" * 40]), taken)  # 360 of 800 bytes
    method(iter([b"x" * 40]), Context())
    refused = Context()
    with pytest.raises(Aborted):
        method(iter([b"x" * 40]), refused)
    assert refused.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert receiving._held._bytes == 720
    taken.end()
    method(iter([b"x" * 40]), Context())


def test_a_request_that_fails_is_held_no_longer(receiving):
    def fail(message, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "no model")

    with pytest.raises(Aborted):
        answering(receiving, fail)(iter([b"ab"]), Context())
    assert receiving._held._bytes == 0 and receiving.on_their_way() == 0


def test_a_stream_counts_while_it_neither_says_nor_takes_anything(receiving):
    handler = grpc.stream_stream_rpc_method_handler(lambda messages, _: messages)
    method = receiving.intercept_service(lambda _: handler, None).stream_stream
    answers = method(iter([b"one", b"two"]), Context())
    assert next(answers) == b"one"
    assert len(receiving.arrivals._begun) == 1
    assert receiving.on_their_way() == 0  # the end of a server waits for none
    assert list(answers) == [b"two"]
    assert not receiving.arrivals._begun
