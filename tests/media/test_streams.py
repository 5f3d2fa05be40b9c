import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from kavc.errors import ConfigError, DataError
from kavc.media import Decoders, Done, Failed, Part, probe
from kavc.media.worker import GRACE, _answer


@pytest.fixture(scope="module")
def decoders(streamed):
    with Decoders(2, seconds=60) as found:
        yield found


def items(events, key):
    return [each.item for each in events if isinstance(each, Part) and each.key == key]


def ends(events):
    return {each.key: type(each) for each in events if not isinstance(each, Part)}


def lives(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_each_file_in_its_order(decoders, streamed):
    jobs = [(key, "a", (key,)) for key in range(7)]
    events = list(decoders.stream(streamed.count, jobs))
    for key in range(7):
        mine = [each for each in events if each.key == key]
        assert mine == [*(Part(key, item) for item in range(key)), Done(key)]


def test_files_are_read_side_by_side(decoders, streamed, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    jobs = [("one", one, (other, 8)), ("other", other, (one, 8))]
    events = list(decoders.stream(streamed.meet, jobs))
    for key, rival in (("one", "other"), ("other", "one")):
        assert [item[0] for item in items(events, key)] == list(range(8))
        assert [each.key for each in events].index(key) < events.index(Done(rival))


def test_no_files_no_processes(streamed):
    with Decoders() as decoders:
        assert list(decoders.stream(streamed.count, [])) == []
        assert decoders._children[0]._process is None


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("error", "^a.mp4: damaged$"),
        ("bug", r"^a.mp4: reading it failed \(ZeroDivisionError: no number\)$"),
        ("crash", r"^a.mp4: reading it crashed the process \(SIGKILL\); it is left out$"),
        ("hang", "^a.mp4: reading it took longer than 1 s; it is left out$"),
        ("stop", "^a.mp4: reading it took longer than 1 s; it is left out$"),
        ("else", "^a.mp4: what was read of it can't be sent: a value of builtins:set can't"),
    ],
)
def test_what_goes_wrong_in_the_midst_ends_that_file_alone(streamed, how, words):
    jobs = [("a", "a.mp4", (how,)), ("b", "b.mp4", ("error",)), ("c", "c.mp4", ("error",))]
    with Decoders(seconds=1) as decoders:
        events = list(decoders.stream(streamed.breaks, jobs))
    assert items(events, "a") == items(events, "b") == items(events, "c") == [0, 1]
    assert ends(events) == dict.fromkeys("abc", Failed)
    error = next(each.error for each in events if isinstance(each, Failed))
    with pytest.raises(DataError, match=words):
        raise error


def test_what_can_not_be_sent_there_ends_that_file_alone(decoders, streamed):
    events = list(decoders.stream(streamed.count, [(1, "a", ({2},)), (3, "a", (1,))]))
    assert ends(events) == {1: Failed, 3: Done}


def test_jobs_are_drawn_when_they_are_needed(streamed):
    drawn = []

    def jobs():
        for key in range(9):
            drawn.append(key)
            yield key, "a", (1,)

    with Decoders() as decoders:
        done = 0
        for event in decoders.stream(streamed.count, jobs()):
            done += isinstance(event, Done)
            assert len(drawn) <= done + 2  # one that is read, and one for when it is at its end
    assert done == 9


def test_a_process_waits_for_the_caller(streamed, tmp_path):
    path = tmp_path / "begun"
    with Decoders() as decoders:
        taken = 0
        for event in decoders.stream(streamed.large, [("a", path, (12,))]):
            taken += isinstance(event, Part)
            time.sleep(0.3 if taken in (1, 4) else 0)  # in which it could read all
            assert path.stat().st_size <= taken + 3  # two wait here, one is about to be sent
    assert taken == 12


def test_a_slow_caller_is_not_the_file_s_fault(streamed):
    with Decoders(seconds=1.5) as decoders:
        events = []
        for event in decoders.stream(streamed.slow, [("a", "a", (0, 5))]):
            events.append(event)
            time.sleep(2 if len(events) == 2 else 0)
    assert len(items(events, "a")) == 6 and ends(events) == {"a": Done}


def test_a_process_has_an_alarm_while_it_works_alone(streamed):
    values = []
    for number, message in enumerate(_answer(("streamed:alarms", ("a",), {}, 7, True), 0)):
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
        if number in (1, 2):
            values.append(float(message[0][4:].split(b",")[1].split(b"]")[0]))
    assert len(values) == 2 and all(7 < value <= 7 + GRACE for value in values)


def test_a_stream_that_is_closed(streamed, talkie):
    threads = threading.active_count()
    with Decoders(2) as decoders:
        events = decoders.stream(streamed.slow, [(key, "a", (100, 1)) for key in range(5)])
        processes = [next(events).item, next(events).item]
        assert all(map(lives, processes))
        events.close()
        assert not any(map(lives, processes)) and threading.active_count() == threads
        assert decoders.run(probe, talkie) == probe(talkie)
        assert ends(decoders.stream(streamed.count, [("a", "a", ())])) == {"a": Done}


def test_a_stream_of_a_caller_that_fails(streamed, talkie):
    with Decoders() as decoders:
        with pytest.raises(ZeroDivisionError):
            for _ in decoders.stream(streamed.large, [("a", os.devnull, (100,))]):
                1 / 0  # noqa: B018
        assert decoders.run(probe, talkie) == probe(talkie)


@pytest.mark.parametrize("jobs", [[("a", "a", ()), ("b", "b")], [("a", "a", ()), 3]])
def test_jobs_that_fail(streamed, talkie, jobs):
    def drawn():
        yield "a", "a", ()
        yield "b", "b", ()
        raise ZeroDivisionError

    with Decoders() as decoders:
        with pytest.raises((ValueError, TypeError)):
            list(decoders.stream(streamed.count, jobs))
        with pytest.raises(ZeroDivisionError):
            list(decoders.stream(streamed.count, drawn()))
        assert decoders.run(probe, talkie) == probe(talkie)


def test_processes_are_used_again(streamed):
    with Decoders() as decoders:
        jobs = [("a", "a", (0, 1))]
        first, again = (items(decoders.stream(streamed.slow, jobs), "a")[0] for _ in range(2))
    assert first == again


def test_decoders_that_are_closed_in_the_midst(streamed):
    decoders = Decoders()
    events = decoders.stream(streamed.slow, [("a", "a", (100, 1))])
    next(events)
    decoders.close()
    assert ends(events) == {"a": Failed}
    decoders.close()


def test_an_interrupt_ends_all(streamed):
    code = (
        "import streamed; from kavc.media import Decoders\n"
        "with Decoders(2) as decoders:\n"
        "    for event in decoders.stream(streamed.slow, [(k, 'a', (100, 1)) for k in 'ab']):\n"
        "        print(event.item, flush=True)\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        processes = [int(program.stdout.readline()) for _ in range(2)]
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=30)
    finally:
        program.kill()
    assert said.rstrip().endswith("KeyboardInterrupt") and not any(map(lives, processes))


def test_what_is_no_generator_of_a_module(decoders, streamed):
    def nested(path):
        yield path

    with pytest.raises(ConfigError, match="must be a function of a module"):
        decoders.stream(nested, [])
    with pytest.raises(ConfigError, match="expected to be a generator function: one that yields"):
        decoders.stream(streamed.returns, [])
