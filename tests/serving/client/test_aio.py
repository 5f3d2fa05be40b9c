"""What only the asyncio client has: parts side by side, and tasks that are cancelled."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from pathlib import Path

import numpy as np
import pytest

from kavc.errors import ConfigError, ServingError
from kavc.serving.client.aio import AsyncClient

spec = importlib.util.spec_from_file_location("fake", Path(__file__).parent / "fake.py")
fake = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fake)
Fake, Refusal, serving = fake.Fake, fake.Refusal, fake.serving

LIMIT = 4096
MANY = np.arange(300 * 32, dtype="float32").reshape(300, 32)  # ten parts
ONE = np.ones((1, 3), "float32")


async def predict(address, x, **options):
    async with AsyncClient(address, max_message_bytes=LIMIT, **options) as client:
        return await client.predict("fake", {"x": x})


def test_answers_are_the_live_networks(server, tiny, network):
    async def ask():
        async with AsyncClient(server.address) as client:
            batches = [tiny.batch(3, 5, seed=seed) for seed in range(8)]
            found = await asyncio.gather(*(client.predict("tiny", inputs) for inputs in batches))
            assert str(await client.signatures("tiny")).startswith("tiny, version 2")
            assert str((await client.status("tiny"))[2]) == "AVAILABLE"
            return batches, found

    for inputs, outputs in zip(*asyncio.run(ask()), strict=True):
        for name, value in tiny.answers(network, inputs).items():
            np.testing.assert_allclose(outputs[name], value, atol=1e-6, rtol=0)


def test_parts_travel_side_by_side_and_are_joined_in_order():
    """Three at a time and never more: each waits until three are there, or the last ones."""
    meeting, lock, inside, most = threading.Barrier(3), threading.Lock(), 0, 0

    def answer(number, request, x):
        nonlocal inside, most
        if number > 1:  # the first one travels alone
            with lock:
                inside += 1
                most = max(most, inside)
            meeting.wait(10)
            with lock:
                inside -= 1
        return {"y": x}

    server = Fake(answer)
    with serving(server) as address:
        outputs = asyncio.run(predict(address, MANY, concurrency=3))
    np.testing.assert_array_equal(outputs["y"], MANY)
    assert (most, len(server.requests)) == (3, 10)
    assert [r.model_spec.version.value for r in server.requests] == [0] + [1] * 9


def test_the_failure_of_one_part_ends_the_others():
    failed, released = threading.Event(), threading.Event()

    def answer(number, request, x):
        if number == 3:
            failed.set()
            raise Refusal("INTERNAL", "broken")
        if number > 3:
            released.wait(10)
        return {"y": x}

    try:
        with serving(Fake(answer)) as address:
            with pytest.raises(ServingError, match=r"INTERNAL: broken; \d+ of 300 rows"):
                asyncio.run(predict(address, MANY, timeout=5))
            released.set()
    finally:
        released.set()
    assert failed.is_set()


def test_a_cancelled_task_cancels_its_request():
    arrived, ended, release = threading.Event(), threading.Event(), threading.Event()

    class Waiting(Fake):
        def Predict(self, request, context):
            context.add_callback(ended.set)
            arrived.set()
            release.wait(10)
            return super().Predict(request, context)

    async def ask(address):
        async with AsyncClient(address) as client:
            task = asyncio.create_task(client.predict("fake", {"x": ONE}))
            await asyncio.to_thread(arrived.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(ended.wait, 5)  # the server has heard of it
            release.set()
            np.testing.assert_array_equal((await client.predict("fake", {"x": ONE}))["y"], ONE)

    try:
        with serving(Waiting()) as address:
            asyncio.run(ask(address))
    finally:
        release.set()


def test_a_timeout_of_asyncio_ends_a_wait_between_attempts():
    def answer(*_):
        raise Refusal("UNAVAILABLE")

    async def ask(address):
        from kavc.serving.client.retry import Retry

        async with asyncio.timeout(0.5):
            await predict(address, ONE, retries=Retry(9, wait=5, longest=5))

    with serving(Fake(answer)) as address, pytest.raises(TimeoutError):
        asyncio.run(ask(address))


def test_a_client_is_made_outside_of_a_loop_and_used_within():
    with serving(Fake()) as address:
        client = AsyncClient(address)

        async def ask():
            async with client:
                return await client.predict("fake", {"x": ONE})

        np.testing.assert_array_equal(asyncio.run(ask())["y"], ONE)


def test_arguments():
    with pytest.raises(ConfigError, match="concurrency is 0; expected at least 1"):
        AsyncClient("localhost:1", concurrency=0)
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        AsyncClient("localhost")
