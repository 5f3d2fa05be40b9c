"""What is refused before any process is started: no token, an open cluster, devices not there."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from kavc.cluster import engines
from kavc.cluster.slots import Slots
from kavc.errors import ConfigError, KavcError

OWN = "t" * 64


class Head(grpc.GenericRpcHandler):
    """Answers as the head of a cluster does: to those who know its token, if it has one."""

    def __init__(self, token):
        self.token = token

    def service(self, details):
        given = dict(details.invocation_metadata).get("authorization")

        def answer(request, context):
            if self.token is not None and given != f"Bearer {self.token}":
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
            return b"\n\x00"

        if details.method == engines.ASK:
            return grpc.unary_unary_rpc_method_handler(answer)
        return None


@pytest.fixture
def head():
    servers = []

    def start(token):
        server = grpc.server(ThreadPoolExecutor(2), handlers=[Head(token)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(None)


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (engines.MODE, engines.TOKEN, engines.TOKEN_FILE, "RAY_USE_TLS"):
        monkeypatch.delenv(name, raising=False)


def test_a_cluster_that_asks_for_our_token_is_joined(head, monkeypatch):
    monkeypatch.setenv(engines.TOKEN, OWN)
    address = head(OWN)
    assert engines.Cluster(address).token == OWN
    with pytest.raises(ConfigError, match="has another token than this process"):
        engines.Cluster(head("u" * 64))


def test_a_cluster_that_asks_for_none_is_refused(head, monkeypatch):
    monkeypatch.setenv(engines.TOKEN, OWN)
    with pytest.raises(ConfigError, match="answers without a token, so that anybody who reaches"):
        Slots(2, address=head(None))


@pytest.mark.parametrize("where", ["variable", "file", "home"])
def test_the_token_is_looked_for_where_ray_does(monkeypatch, tmp_path, where):
    assert engines._token() is None
    if where == "variable":
        monkeypatch.setenv(engines.TOKEN, f" {OWN}\n")
    elif where == "file":
        (tmp_path / "token").write_text(OWN)
        monkeypatch.setenv(engines.TOKEN_FILE, str(tmp_path / "token"))
    else:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray/auth_token").write_text(OWN + "\n")
    assert engines._token() == OWN


@pytest.mark.parametrize("mode", ["token", "disabled"])
def test_no_cluster_without_a_token(monkeypatch, mode):
    monkeypatch.setenv(engines.MODE, mode)
    if mode == "disabled":
        monkeypatch.setenv(engines.TOKEN, OWN)
    with pytest.raises(ConfigError, match="a cluster is joined with its token alone"):
        engines.Cluster("127.0.0.1:6379")


def test_nobody_answers(monkeypatch):
    monkeypatch.setenv(engines.TOKEN, OWN)
    monkeypatch.setattr(engines, "ANSWER", 1.0)
    with pytest.raises(KavcError, match="no head of Ray answers there within 1 s") as told:
        engines.Cluster("127.0.0.1:1")
    assert told.value.exit_code == 1


@pytest.mark.parametrize("address", ["", "head", "head:", ":6379", "head:x", "head:99999", "auto"])
def test_addresses(address):
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        engines.Cluster(address)


def test_no_ray_of_our_own_without_a_token(monkeypatch):
    monkeypatch.setenv(engines.MODE, "disabled")
    with pytest.raises(ConfigError, match="others could run code on this machine; unset it"):
        Slots(2)


def test_gpus_that_are_not_there():
    with pytest.raises(ConfigError, match=r"GPU '97' isn't there; this machine has \d+"):
        Slots(2, gpus=["97"])
    with pytest.raises(ConfigError, match="one has no name"):
        Slots(2, gpus=["", ""])
    assert engines.Local(2, ["GPU-3a1b"]).gpus == ["GPU-3a1b"]


def test_no_slots():
    with pytest.raises(ConfigError, match="at least 1; got 0"):
        Slots(0)


@pytest.mark.parametrize("options", [{}, {"address": "127.0.0.1:6379"}])
def test_without_ray_the_extra_is_named(monkeypatch, options):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"need Ray: pip install 'kavc\[cluster\]'"):
        Slots(2, **options)


def test_what_killed_processes_left_is_removed(monkeypatch, tmp_path):
    monkeypatch.setattr(engines.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(engines, "LONGEST_PLACE", 1000)
    monkeypatch.setattr(engines, "YOUNG", -1.0)
    left = tmp_path / f"{engines.FOLDER}left"
    (left / "session").mkdir(parents=True)
    with engines._folder() as first:
        assert not left.exists()
        with engines._folder() as second:  # another process', whose folder is held
            assert first.exists() and second.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_slots_share_of_the_machine(monkeypatch):
    monkeypatch.setattr(engines.os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    reserved, environment = engines.Local(3, ["GPU-a", "GPU-b"]).shares(None, 3)
    assert reserved == {"num_cpus": 1, "num_gpus": 1 / 2}
    assert environment == {
        "OMP_NUM_THREADS": "7",
        "TF_NUM_INTRAOP_THREADS": "2",
        "TF_NUM_INTEROP_THREADS": "2",
    }


@pytest.mark.parametrize(("slots", "gpus"), [(1, 2), (2, 2), (3, 2), (5, 2), (7, 3)])
def test_all_slots_find_room_on_the_gpus(slots, gpus):
    """A process can't have parts of two GPUs: Ray would have the last one wait for ever."""
    reserved, _ = engines.Local(slots, [f"GPU-{i}" for i in range(gpus)]).shares(None, slots)
    assert gpus * int(1 / reserved["num_gpus"]) >= slots


class FewCpus:
    """A cluster that was joined."""

    def cluster_resources(self):
        return {"CPU": 4.0, "GPU": 2.0}

    def nodes(self):
        return [{"Alive": True}, {"Alive": False}, {"Alive": True}]


def test_a_cluster_without_room_is_refused(head, monkeypatch):
    monkeypatch.setenv(engines.TOKEN, OWN)
    for name in engines.THREADS:
        monkeypatch.delenv(name, raising=False)
    cluster = engines.Cluster(head(OWN))
    reserved, environment = cluster.shares(FewCpus(), 2)
    assert reserved == {"num_cpus": 1, "num_gpus": 1.0}
    assert environment["OMP_NUM_THREADS"] == "2"
    with pytest.raises(ConfigError, match="has 2 GPUs, one for each of 3 workers is needed"):
        cluster.shares(FewCpus(), 3)
