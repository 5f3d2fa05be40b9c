"""The chief's port and a worker's calls: what is let in, and how long one waits."""

from __future__ import annotations

import time

import grpc
import pytest

from kavc.errors import ConfigError, ServingError
from kavc.tuning.distribute import heartbeat
from kavc.tuning.distribute.client import ChiefClient
from kavc.tuning.distribute.messages import MAX_BYTES, SERVICE, Refusal
from kavc.tuning.distribute.server import serving
from kavc.tuning.distribute.worker import work


@pytest.fixture
def asked():
    """What a chief was asked, with its answers: the request itself, or an error."""

    class Asked(list):
        error: Exception | None = None

        def __call__(self, method, request):
            self.append((method, request))
            if self.error is not None:
                raise self.error
            return {"method": method} | request

    return Asked()


@pytest.fixture
def client(asked):
    with serving(asked, "127.0.0.1:0") as address:
        client = ChiefClient(address, wait=0.5)
        yield client
        client.close()


def test_requests_and_answers(client, asked):
    given = {"worker": "w1", "session": "s"}
    assert client.call("propose", **given) == {"method": "propose"} | given
    assert asked == [("propose", given)]


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (Refusal("who?", "NOT_FOUND"), Refusal, "^who[?]$"),
        (Refusal("no", "FAILED_PRECONDITION"), ConfigError, "^no$"),
        (KeyError("a\nb"), ServingError, r"the chief failed: 'a\\nb'$"),
    ],
)
def test_errors(client, asked, error, raised, message):
    asked.error = error
    with pytest.raises(raised, match=message):
        client.call("describe")
    assert len(asked) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[" * 10_000,
        b"[]",
        b'{"worker": "w1"}',
        b'{"worker": "w1", "session": 1}',
        b'{"worker": "../w1", "session": "s"}',
        b'{"worker": "w1", "session": "s", "more": NaN}',
        b" " * (MAX_BYTES + 1),
    ],
)
def test_what_is_no_message_does_not_come_through(client, asked, raw):
    with grpc.insecure_channel(client.address) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/{SERVICE}/propose")(raw, timeout=20)
    assert caught.value.code().name in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED")
    assert "\n" not in caught.value.details()
    assert asked == []


def test_a_port_in_use(client, asked):
    with pytest.raises(ServingError, match="can't listen there"), serving(asked, client.address):
        pass


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("c" * 108, "a Unix socket's path has at most 107 bytes, this one 108; choose a shorter"),
        ("/none/such/chief", "can't listen there; is its folder there, and yours[?]"),
    ],
)
def test_a_socket_that_can_not_be(asked, path, message):
    with pytest.raises(ServingError, match=message), serving(asked, f"unix:{path}"):
        pass


def test_a_slow_answer_is_not_an_absent_chief():
    """A proposal of a Gaussian process may take longer than a worker waits for a chief."""

    def answer(method, request):
        time.sleep(2)
        return {"over": None}

    with serving(answer, "127.0.0.1:0") as address:
        client = ChiefClient(address, wait=0.1)
        assert client.call("describe") == {"over": None}
        client.deadline = 0.5
        with pytest.raises(ServingError, match=r"has not answered for 0\.5 s"):
            client.call("describe")
        client.close()


class Member:
    """A worker whose trial never stops; what it asks is answered by a function."""

    trial = "3"

    def __init__(self, answer):
        self.ask = answer


@pytest.fixture
def beat_of(monkeypatch):
    """Returns a quick heart, after it has beaten until it leaves."""
    monkeypatch.setattr(heartbeat, "BEAT", 0.01)
    monkeypatch.setattr(heartbeat, "GRACE", 0.2)

    def beat(answer):
        said = []

        def leave(text):
            said.append(text)
            heart.stop()

        heart = heartbeat.Heartbeat(Member(answer), leave)
        heart.start()
        heart.join(20)
        assert not heart.is_alive()
        return heart, said

    return beat


def test_a_worker_ends_that_does_not_stop_a_trial_it_has_lost(beat_of):
    heart, said = beat_of(lambda method, trial: {"keep": False, "over": None, "error": None})
    assert said == ["its trial was taken from it"]
    with pytest.raises(heartbeat.Withdrawn):
        heart.check()


def test_a_heart_that_stops_for_whatever_reason_ends_the_worker(beat_of):
    def answer(method, trial):
        raise RuntimeError("no more memory")

    heart, said = beat_of(answer)
    assert said == ["no more memory"]
    with pytest.raises(heartbeat.Withdrawn):
        heart.check()


def test_without_a_chief_a_worker_ends(tmp_path):
    began = time.monotonic()
    with pytest.raises(
        ServingError, match=r"no chief answers at unix:.*, for 1 s; start"
    ) as caught:
        work(f"unix:{tmp_path / 'none'}", "w1", wait=1)
    assert 1 <= time.monotonic() - began < 30
    assert "\n" not in str(caught.value)


def test_names_are_checked_before_anyone_is_called():
    with pytest.raises(ConfigError, match="a name has up to 40 letters"):
        work("127.0.0.1:1", "../w1")
