"""The end comes once, when the last user is done."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from kavc.serving.server.leases import Leases


def test_the_end_waits_for_the_last_user():
    leases, ended = Leases(), []
    assert leases.take() and leases.take()
    leases.end(lambda: ended.append(True))
    assert not leases.take()
    leases.give_back()
    assert not ended
    leases.give_back()
    assert ended == [True]


def test_without_users_it_comes_at_once():
    leases, ended = Leases(), []
    leases.end(lambda: ended.append(True))
    assert ended == [True]


def test_a_lease_that_was_given_back_earlier_ends_nothing():
    leases, ended = Leases(), []
    leases.take()
    leases.give_back()
    assert not ended and leases.take()


def test_many_threads_meet_one_end():
    leases, ended, start = Leases(), [], threading.Event()

    def use():
        start.wait(10)
        taken = 0
        while leases.take():
            taken += 1
            leases.give_back()
        return taken

    with ThreadPoolExecutor(8) as pool:
        users = [pool.submit(use) for _ in range(8)]
        start.set()
        leases.end(lambda: ended.append(True))
        for user in users:
            user.result(10)
    assert ended == [True]
