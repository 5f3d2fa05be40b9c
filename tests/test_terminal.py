"""What people see: bars on a terminal, lines elsewhere, nothing of what is quick."""

from __future__ import annotations

import io
import re
import sys
import time

import pytest

from kavc import progress, terminal
from kavc.errors import ConfigError
from kavc.progress import Task
from kavc.terminal import Bars, Lines, PlainConsole, showing


@pytest.fixture
def clock(monkeypatch):
    """The time that work takes, in seconds; `clock[0] += 1` lets one pass."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def lines(clock):
    """Returns the lines that were printed."""
    stream = io.StringIO()
    with progress.listening(Lines(PlainConsole(file=stream))):
        yield lambda: stream.getvalue().splitlines()


def drawn(width: int, *tasks: Task) -> str:
    console = PlainConsole(file=io.StringIO(), force_terminal=True, width=width)
    bars = Bars(console)
    bars._tasks = tasks
    console.print(bars._drawn())
    return re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())


def fit(clock) -> Task:
    """A fit that has gone on for 60 s, and has half of its steps."""
    task = Task("correspondence", progress.Listener(), "steps", 1000, at_most=True)
    for _ in range(500):
        clock[0] += 0.12
        task.advance()
    task.at, task.note = "epoch 6 of 10", "val_loss 0.6787 (best 0.6511 at epoch 4)"
    return task


def test_lines_are_seldom_and_have_no_control_characters(lines, clock):
    with progress.task("reading", unit="videos", total=4000) as task:
        for _ in range(4000):
            clock[0] += 0.02
            task.advance()
    *some, last = lines()
    assert 5 <= len(some) <= 8
    assert re.fullmatch(r"reading: 55\d of 4,000 videos, 50/s, 1:09 left", some[1])
    assert last == "reading: 4,000 videos in 1 min 20 s"
    assert all(line.isprintable() for line in lines())


def test_lines_of_what_takes_hours_come_less_often(lines, clock):
    with progress.task("reading", unit="videos", total=36_000) as task:
        for _ in range(36_000):
            clock[0] += 1
            task.advance()
    assert 30 < len(lines()) < 150


def test_nothing_is_shown_of_what_takes_less_than_a_second(lines, clock):
    with progress.task("reading", unit="videos", total=10) as task:
        for _ in range(10):
            clock[0] += 0.09
            task.advance()
    assert lines() == []


def test_a_slow_epoch_is_a_line_with_what_decides_and_what_it_is_a_part_of(lines, clock):
    with progress.task("training", unit="runs", total=6) as outer:
        outer.at = "run 2 of 6"
        with progress.task("joint", unit="steps", total=20, at_most=True) as task:
            for epoch in (1, 2):
                task.at = f"epoch {epoch} of 2"
                for _ in range(10):
                    clock[0] += 3
                    task.advance()
                clock[0] += 11  # validation
                task.tell(f"val_loss {epoch}")
    found = next(line for line in lines() if line.endswith("left, val_loss 1"))
    assert found == (
        "run 2 of 6: joint, epoch 1 of 2: 10 of 20 steps, 3 s each, at most 0:30 left, val_loss 1"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.5, "2/s"), (3, "3 s each"), (42, "42 s each"), (130, "2 min 10 s each")],
)
def test_a_rate_is_in_words_however_slow_it_is(lines, clock, seconds, words):
    with progress.task("reading", unit="videos", total=40) as task:
        for _ in range(20):
            clock[0] += seconds
            task.advance()
    assert any(f" {words}," in line for line in lines())


def test_an_error_ends_a_task_without_a_word(lines, clock):
    with pytest.raises(ValueError), progress.task("reading", unit="videos") as task:
        clock[0] += 60
        task.advance(5)
        raise ValueError
    assert lines() == []


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\u202eb"], ids=ascii)
def test_names_act_on_no_terminal(lines, clock, name):
    progress.say(name)
    with progress.task(name, unit="videos") as task:
        clock[0] += 60
        task.advance(5)
        task.at = name
        task.tell(name)
        shown = drawn(200, task)
    assert all(line.isprintable() for line in lines()) and len(lines()) == 2
    assert ascii(name)[1:-1] in shown and "\x1b" not in shown and "\u202e" not in shown


@pytest.mark.parametrize(
    ("width", "there", "not_there"),
    [
        (160, ["500 of 1,000 steps", "8.3/s", "at most 1:00 left", "best 0.6511 at epoch 4"], []),
        (100, ["at most 1:00 left", "val_loss 0.67"], ["of 1,000"]),
        (60, ["correspondence", "at most 1:00 left"], ["8.3/s"]),
        (30, ["corres"], []),
    ],
)
def test_a_bar_is_one_row_whatever_the_width(clock, width, there, not_there):
    text = drawn(width, fit(clock))
    assert text.count("\n") == 1 and "━" in text
    assert all(len(line) <= width for line in text.splitlines())
    assert all(each in text for each in there) and not any(each in text for each in not_there)


def test_inner_tasks_are_drawn_below_outer_ones_once_they_have_taken_a_second(clock):
    outer = fit(clock)
    inner = Task("reading", progress.Listener(), "videos", within=(outer,))
    assert drawn(100, outer, inner).count("\n") == 1
    clock[0] += 2
    first, second = drawn(100, outer, inner).splitlines()
    assert first.startswith("correspondence") and second.startswith("reading")


@pytest.fixture
def a_terminal(monkeypatch):
    """A console on a terminal of 100 columns, on which work is shown at once."""
    monkeypatch.setattr(terminal, "AFTER", 0.0)
    return PlainConsole(file=io.StringIO(), force_terminal=True, width=100)


def wait_for(console, text: str) -> None:
    for _ in range(500):
        if text in console.file.getvalue():
            return
        time.sleep(0.02)
    pytest.fail(f"{text!r} was not drawn: {console.file.getvalue()!r}")


def test_a_bar_is_drawn_and_taken_away_and_lines_stay_above_it(a_terminal):
    with progress.listening(Bars(a_terminal)), progress.task("work", unit="things", total=5) as one:
        wait_for(a_terminal, "work")
        one.advance(3)
        wait_for(a_terminal, "3 of 5 things")
        progress.say("a line")
    text = a_terminal.file.getvalue()
    assert "a line" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is back


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_takes_the_bar_away(a_terminal, error):
    with progress.listening(Bars(a_terminal)), pytest.raises(error), progress.task("work"):
        wait_for(a_terminal, "work")
        raise error
    assert "\x1b[?25h" in a_terminal.file.getvalue()


def test_standard_output_is_left_alone_by_a_bar(a_terminal, capsys):
    with progress.listening(Bars(a_terminal)), progress.task("work"):
        wait_for(a_terminal, "work")
        print("result")
    assert capsys.readouterr().out == "result\n"
    assert "result" not in a_terminal.file.getvalue()


def kind_of(verbose) -> type:
    with showing(verbose):
        return type(progress.listener())


def test_verbose_is_as_keras_has_it(monkeypatch):
    assert [kind_of(verbose) for verbose in ("auto", 1, 2)] == [Lines, Lines, Lines]
    assert kind_of(0) is progress.Listener
    monkeypatch.setattr(terminal, "_can_draw", lambda: True)
    assert [kind_of(verbose) for verbose in ("auto", 1, 2)] == [Bars, Bars, Lines]
    assert kind_of(0) is progress.Listener
    assert progress.listener() is None


@pytest.mark.parametrize("verbose", ["yes", 3, None, -1])
def test_another_verbose_is_refused(verbose):
    with pytest.raises(ConfigError, match='verbose must be "auto", 0, 1 or 2; got'):
        kind_of(verbose)


def test_what_is_shown_around_goes_on_unless_something_else_is_asked_for(told):
    with showing("auto"):
        assert progress.listener() is told
    with showing(0):
        assert progress.listener() is not told
        with showing("auto"):
            progress.say("unheard")
    with showing(2):
        around = progress.listener()
        with showing(2):
            assert progress.listener() is around
    assert told.lines == []


@pytest.mark.parametrize(("kind", "draws"), [("xterm", True), ("dumb", False)])
def test_a_terminal_that_can_not_draw_gets_lines(monkeypatch, kind, draws):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(terminal, "errors", PlainConsole(stderr=True))
    assert terminal._can_draw() is draws
