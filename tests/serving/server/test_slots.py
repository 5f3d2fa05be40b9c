"""The calls of one model: so many run, so many wait, and who is gone waits no longer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kavc.errors import ServingError
from kavc.serving.server import slots as module
from kavc.serving.server.slots import Slots


def test_one_at_a_time():
    slots, running, most = Slots(1), [], []

    def call():
        with slots.one(lambda: True):
            running.append(1)
            most.append(len(running))
            running.pop()

    with ThreadPoolExecutor(4) as pool:
        for call_ in [pool.submit(call) for _ in range(20)]:
            call_.result(30)
    assert most == [1] * 20 and slots.waiting == 0


def test_who_is_gone_waits_no_longer(monkeypatch):
    monkeypatch.setattr(module, "LOOK", 0.01)
    slots = Slots(1)
    with (
        slots.one(lambda: True),
        pytest.raises(ServingError, match="waits no longer") as caught,
        slots.one(lambda: False),
    ):
        raise AssertionError("there was no slot")
    assert caught.value.code == "CANCELLED" and slots.waiting == 0
    with slots.one(lambda: False):  # a free one is given at once
        pass


def test_too_many_wait(monkeypatch):
    monkeypatch.setattr(module, "WAITING", 1)
    monkeypatch.setattr(module, "LOOK", 0.01)
    slots, done = Slots(1), threading.Event()

    def wait():
        with slots.one(lambda: not done.is_set()):
            pass

    with ThreadPoolExecutor(1) as pool, slots.one(lambda: True):
        waiting = pool.submit(wait)
        while slots.waiting == 0:
            pass
        with (
            pytest.raises(ServingError, match="1 calls of this model wait already") as caught,
            slots.one(lambda: True),
        ):
            raise AssertionError("there was no slot")
        done.set()
        with pytest.raises(ServingError, match="waits no longer"):
            waiting.result(30)
    assert caught.value.code == "RESOURCE_EXHAUSTED"
