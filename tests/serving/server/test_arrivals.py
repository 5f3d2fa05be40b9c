"""Calls whose messages are awaited: bounded, fair, and ended in time."""

from __future__ import annotations

import contextlib

import pytest

from kavc.serving.server import arrivals as module
from kavc.serving.server.arrivals import Arrivals


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


class Calls:
    """Begins calls, and notes which are ended."""

    def __init__(self, arrivals):
        self.arrivals = arrivals
        self.ended = []
        self.open = contextlib.ExitStack()

    def begin(self, name, peer, **kind):
        cancel = lambda: self.ended.append(name)  # noqa: E731
        return self.open.enter_context(self.arrivals.awaited(peer, cancel, **kind))


def test_beyond_a_moment_the_oldest_of_the_busiest_host_end(clock):
    arrivals = Arrivals(60, most=3)
    calls = Calls(arrivals)
    calls.begin("first", "ipv4:10.0.0.1:1000")
    for number in range(4):
        clock[0] += 0.1
        calls.begin(number, f"ipv4:10.0.0.9:{number}")
    arrivals.tidy()
    assert calls.ended == []  # their messages may be on their way
    clock[0] += 2.0
    calls.begin("new", "ipv4:10.0.0.9:9")
    arrivals.tidy()
    assert sorted(calls.ended) == [0, 1]


def test_of_one_host_the_oldest_of_the_busiest_connection_ends(clock):
    arrivals = Arrivals(60, most=3)
    calls = Calls(arrivals)
    calls.begin("slow upload", "ipv6:[::1]:1")
    for number in range(3):
        clock[0] += 0.1
        calls.begin(number, "ipv6:[::1]:2")
    clock[0] += 2.0
    arrivals.tidy()
    assert calls.ended == [0]


def test_in_a_flood_they_end_at_once():
    calls = Calls(Arrivals(60, flood=16))
    calls.begin("another's", "ipv4:10.0.0.1:1")
    for number in range(16):
        calls.begin(number, "ipv4:10.0.0.9:1")
    assert sorted(calls.ended) == [0, 1, 2]  # 14 of 17 are left


def test_one_that_came_whole_counts_no_more():
    arrivals = Arrivals(60, flood=1)
    for _ in range(3):
        calls = Calls(arrivals)
        calls.begin("call", "ipv4:10.0.0.1:1")
        calls.open.close()
        assert calls.ended == []
    assert arrivals.uploads() == 0


def test_late_ones_are_ended(clock):
    arrivals = Arrivals(60)
    calls = Calls(arrivals)
    calls.begin("early", "a:1")
    clock[0] = 30.0
    calls.begin("late", "a:1", upload=False)
    assert arrivals.uploads() == 1
    clock[0] = 61.0
    arrivals.tidy()
    assert calls.ended == ["early"]
    clock[0] = 91.0
    arrivals.tidy()
    assert calls.ended == ["early", "early", "late"]  # to end one twice does nothing
