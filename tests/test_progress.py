"""What long work tells, and to whom."""

from __future__ import annotations

import pytest

from kavc import progress


def test_nobody_need_listen():
    progress.say("a line")
    with progress.task("work", unit="videos", total=2) as one:
        one.advance()
    assert one.complete and one.done == 1
    assert progress.listener() is None


def test_a_listener_is_told_of_everything_and_of_parts_within(told):
    progress.say("a line")
    with progress.task("outer", unit="runs") as outer, progress.task("inner") as inner:
        inner.tell("loss 1")
    assert told.lines == ["a line"]
    assert told.begun == [outer, inner] and told.ended == [inner, outer]
    assert inner.within == (outer,) and outer.within == ()
    assert told.notes == [("inner", "", "loss 1")]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_task_ends_where_an_error_ends_it(told, error):
    with pytest.raises(error), progress.task("outer"), progress.task("inner"):
        raise error
    assert [task.name for task in told.ended] == ["inner", "outer"]
    assert not any(task.complete for task in told.ended)
    with progress.task("next") as task:
        assert task.within == ()


def test_an_inner_listener_is_told_in_place_of_the_outer_one(told):
    silent = progress.Listener()
    with progress.task("outer"), progress.listening(silent):
        progress.announce("said to nobody")
        with progress.task("inner") as inner:
            assert inner.within == ()
    assert progress.listener() is told
    assert [task.name for task in told.begun] == ["outer"] and told.lines == []


def test_a_first_line_is_not_told_of_a_part(told):
    progress.announce("the whole")
    with progress.task("work"):
        progress.announce("a part")
    assert told.lines == ["the whole"]


def test_what_reads_counts_for_who_asked(told):
    with progress.task("reading", unit="videos") as outer:
        with progress.counting("rows", "videos", 10) as inner:
            inner.advance(4)
        assert inner is outer and (outer.done, outer.total) == (4, 10)
    with progress.task("training", unit="runs") as outer:
        with progress.counting("rows", "videos") as inner:
            inner.advance(4)
        assert inner is not outer and outer.done == 0
    known = progress.task("reading", unit="videos", total=7)
    with known, progress.counting("rows", "videos", 10) as inner:
        assert inner.total == 7


def test_items_are_counted(told):
    found = progress.track([1, 2, 3], "work", unit="things")
    assert next(found) == 1 and told.begun[0].total == 3
    assert list(found) == [2, 3] and told.ended[0].done == 3
    list(progress.track(iter([1]), "work", unit="things"))
    assert told.begun[1].total is None and told.begun[1].done == 1


@pytest.fixture
def clock(monkeypatch):
    """The time that work takes, in seconds; `clock[0] += 1` lets one pass."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


class Updates(progress.Listener):
    def __init__(self):
        self.done = []

    def update(self, task):
        self.done.append(task.done)


def test_updates_are_rare_however_fast_work_is(clock):
    listener = Updates()
    with progress.listening(listener), progress.task("work", total=10_000) as task:
        for _ in range(10_000):
            clock[0] += 0.0001
            task.advance()
    assert 5 <= len(listener.done) <= 10
    assert task.done == 10_000


def test_rate_and_time_left_leave_out_what_the_first_one_waits_for(clock):
    with progress.task("work", total=21) as task:
        assert task.rate is None and task.left is None
        clock[0] += 60  # graphs are made
        task.advance()
        assert task.rate is None
        for _ in range(10):
            clock[0] += 0.5
            task.advance()
    assert task.rate == pytest.approx(2) and task.left == pytest.approx(5)


def test_of_few_large_things_the_first_one_tells_the_rate(clock):
    with progress.task("trials", total=3) as task:
        clock[0] += 60
        task.advance()
        clock[0] += 2
        assert task.rate == pytest.approx(1 / 60) and task.left == pytest.approx(120)


def test_what_was_done_before_has_no_part_in_the_rate(clock):
    with progress.task("steps", total=120, done=100) as task:
        for _ in range(11):
            clock[0] += 1
            task.advance()
    assert task.rate == pytest.approx(1) and task.left == pytest.approx(9)
