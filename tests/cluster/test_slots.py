"""Slots on a real Ray, with jobs that take no time: its start takes some seconds, once a module."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import grpc
import pytest

from kavc.cluster import Died, Ended, Slots
from kavc.cluster.engines import ASK
from kavc.errors import ConfigError

LIMIT = 60  # seconds after which something counts as hung
# As another program: two slots, of which one sleeps for ever; the processes' ids on a line.
PROGRAM = """
import os
from kavc.cluster import Slots
def ready():
    import time
    return lambda job: time.sleep(job)
with Slots(1).open(ready) as slots:
    while not slots.idle():
        slots.wait(1)
    print(slots.start("a", 1000).split()[-1], flush=True)
    slots.wait(1000)
"""


def ready():
    """Makes a process ready; pickled by value, since nobody finds this module by name."""

    def work(job):
        import os
        import signal

        what, *more = job
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "raise":
            raise ValueError(*more)
        return os.environ.get(*more) if what == "environment" else more

    return work


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def slots(told):
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with Slots(2, report=told.append).open(ready) as opened:
        yield opened


def events(slots, jobs):
    """Gives jobs out as slots become idle; returns what became of each, by its number."""
    found, waiting, until = {}, list(enumerate(jobs)), time.monotonic() + LIMIT
    while len(found) < len(jobs):
        assert time.monotonic() < until
        while waiting and slots.idle():
            slots.start(*waiting.pop(0))
        found |= {event.key: event for event in slots.wait(1)}
    return found


def test_jobs_come_back_from_both(slots):
    found = events(slots, [("echo", number) for number in range(8)])
    assert {key: event.result for key, event in found.items()} == {n: [n] for n in range(8)}
    assert {event.where.split()[0] for event in found.values()} <= {"w1", "w2"}
    assert all(isinstance(event, Ended) and "process" in event.where for event in found.values())


def test_who_dies_is_told_and_another_one_is_started(slots, told, capfd):
    found = events(slots, [("echo", 0), ("die",), ("echo", 2), ("die",), ("echo", 4)])
    assert [type(found[key]) for key in range(5)] == [Ended, Died, Ended, Died, Ended]
    assert found[1].reason == found[3].reason == "the process died"
    assert len([line for line in told if line.endswith("the process died; it is started again")])
    assert capfd.readouterr().out == ""  # that is for results


def test_what_a_job_raises_is_raised(slots):
    with pytest.raises(ValueError, match="of no use"):
        events(slots, [("raise", "of no use")])
    assert events(slots, [("echo", 1)])[0].result == [1]


def test_a_job_that_is_dropped_is_not_heard_of(slots):
    slots.wait(0)
    while not slots.idle():
        slots.wait(1)
    slots.start("dropped", ("echo", 1))
    slots.drop("dropped")
    assert set(events(slots, [("echo", 2)] * 3)) == {0, 1, 2}


def test_each_process_has_its_share_of_the_threads(slots):
    name = "TF_NUM_INTRAOP_THREADS"
    share = os.environ.get(name, str(max(1, len(os.sched_getaffinity(0)) // 2)))
    assert events(slots, [("environment", name)])[0].result == share


def test_nobody_else_is_answered(slots):
    address = slots._ray.get_runtime_context().gcs_address
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as told:
        channel.unary_unary(ASK)(b"", timeout=5)
    assert told.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_machine_that_can_not_take_part(slots, told):
    def refuses():
        raise ConfigError("kavc is 2 here")

    slots_of_its_own = Slots(1, report=told.append)
    slots_of_its_own._ray, slots_of_its_own._ready = slots._ray, refuses
    slots_of_its_own._share, slots_of_its_own._environment = {"num_cpus": 0}, {}
    with pytest.raises(
        ConfigError, match=f"left to work; w1: {socket.gethostname()}: kavc is 2 here"
    ):
        for _ in range(LIMIT):
            slots_of_its_own.wait(1)


def test_a_ray_that_is_not_ours_stays(slots):
    with (
        pytest.raises(ConfigError, match="in use in this process already"),
        Slots(1).open(ready),
    ):
        pass
    assert slots._ray.is_initialized()


@pytest.mark.slow  # another Ray
def test_a_killed_program_leaves_no_process():
    words = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as program:
        worker = int(program.stdout.readline())
        program.send_signal(signal.SIGKILL)
    until = time.monotonic() + LIMIT
    while _lives(worker):
        assert time.monotonic() < until
        time.sleep(0.2)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
