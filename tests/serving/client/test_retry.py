"""Waits between attempts."""

from __future__ import annotations

import pytest

from kavc.errors import ConfigError, ServingError
from kavc.serving.client import retry
from kavc.serving.client.retry import Deadline, Retry


def test_waits_double_up_to_the_longest(monkeypatch):
    monkeypatch.setattr(retry, "SPREAD", 0)
    assert list(Retry().waits()) == pytest.approx([0.1, 0.2, 0.4])
    assert list(Retry(6, wait=0.5, longest=2).waits()) == pytest.approx([0.5, 1, 2, 2, 2])
    assert list(Retry(attempts=1).waits()) == []


def test_waits_are_spread():
    waits = [wait for _ in range(200) for wait in Retry(2, wait=1).waits()]
    assert 0.8 <= min(waits) < 0.9 and 1.1 < max(waits) <= 1.2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": 0}, "attempts is 0; expected at least 1"),
        ({"wait": -1}, "wait is -1; expected seconds"),
        ({"wait": float("nan")}, "wait is nan"),
        ({"longest": float("inf")}, "longest is inf"),
    ],
)
def test_arguments(options, message):
    with pytest.raises(ConfigError, match=message):
        Retry(**options)


def test_a_deadline(monkeypatch):
    now = 100.0
    monkeypatch.setattr(retry.time, "monotonic", lambda: now)
    deadline = Deadline("localhost:1", 2.5)
    now = 102.0
    assert deadline.left() == 0.5
    assert deadline.allows(0.4) and not deadline.allows(0.5)
    now = 103.0
    with pytest.raises(ServingError, match=r"localhost:1 did not answer within 2\.5 s") as caught:
        deadline.left()
    assert caught.value.code == "DEADLINE_EXCEEDED"
