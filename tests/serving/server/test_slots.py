"""The calls of one model: so many run, so many wait, and who is gone waits no longer."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from kavc.errors import ServingError
from kavc.serving.server import slots as module
from kavc.serving.server.slots import Slots

LONG = 30  # seconds that nothing here takes


def wait_for_waiting(slots, number):
    end = time.monotonic() + LONG
    while slots.waiting != number:
        assert time.monotonic() < end, f"{slots.waiting} calls wait"
        time.sleep(0.01)


def test_one_at_a_time():
    slots, order = Slots(1), []

    def call():
        with slots.one(lambda: True):
            order.append("another")

    with ThreadPoolExecutor(3) as pool:
        with slots.one(lambda: True):
            others = [pool.submit(call) for _ in range(3)]
            wait_for_waiting(slots, 3)
            order.append("the first")
        for other in others:
            other.result(LONG)
    assert order == ["the first", *["another"] * 3] and slots.waiting == 0


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
        wait_for_waiting(slots, 1)
        with (
            pytest.raises(ServingError, match="1 calls of this model wait already") as caught,
            slots.one(lambda: True),
        ):
            raise AssertionError("there was no slot")
        done.set()
        with pytest.raises(ServingError, match="waits no longer"):
            waiting.result(LONG)
    assert caught.value.code == "RESOURCE_EXHAUSTED"
