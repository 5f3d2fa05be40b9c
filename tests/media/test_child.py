"""Ending all processes at once."""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor

import pytest

from kavc.errors import KavcError
from kavc.media.child import Child, nothing_read

HANG = "__import__('time').sleep(100)"


def asked(child, code):
    return list(child.items("builtins:eval", code, (), {}, seconds=90, many=False))


@pytest.fixture
def child():
    made = Child(None)
    yield made
    made.end()


def test_who_waits_for_a_file_is_told_and_none_is_begun(child):
    assert asked(child, "1") == [1]  # it has started
    begun = queue.SimpleQueue()

    def waits():
        items = child.items("builtins:eval", HANG, (), {}, seconds=90, many=False)
        begun.put(None)
        return list(items)

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(waits)
        begun.get()
        with nothing_read():
            with pytest.raises(KavcError, match=r"crashed the process|no longer read"):
                waiting.result(60)
            with pytest.raises(KavcError, match=r"^files are no longer read$"):
                asked(Child(None), "1")
    assert asked(child, "2") == [2]
