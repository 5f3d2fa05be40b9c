"""What Prometheus is told."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import urllib.error
import urllib.request

import pytest

from kavc.errors import ServingError
from kavc.serving.client.blocking import Client
from kavc.serving.protos import ModelVersionStatus
from kavc.serving.server import monitoring
from kavc.serving.server.catalogue import VersionState
from kavc.serving.server.local import LocalServer


@pytest.fixture(scope="module")
def monitored(models_dir):
    with LocalServer(models_dir, port=0, monitoring_port=0) as server:
        yield server


def scrape(server):
    with urllib.request.urlopen(server.monitoring_address, timeout=10) as response:
        return response.read().decode()


def value(text, sample):
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_requests_are_counted_by_status(monitored, tiny):
    ok = 'kavc_requests_total{code="OK",method="Predict",model="tiny"}'
    unknown = 'kavc_requests_total{code="NOT_FOUND",method="GetModelMetadata",model="?"}'
    before = scrape(monitored)
    with Client(monitored.address) as client:
        for _ in range(3):
            client.predict("tiny", tiny.batch(2, 3))
        for name in ("nobody", "x" * 1000):
            with pytest.raises(ServingError, match="NOT_FOUND"):
                client.predict(name, tiny.batch(2, 3))
    after = scrape(monitored)
    assert value(after, ok) - value(before, ok) == 3
    assert value(after, unknown) - value(before, unknown) == 2
    assert "nobody" not in after  # or callers could invent labels without end
    took = 'kavc_request_seconds_count{method="Predict",model="tiny"}'
    assert value(after, took) - value(before, took) == 3
    assert value(after, "kavc_requests_in_flight") == 0


def test_versions_and_the_process_are_told(monitored):
    text = scrape(monitored)
    assert value(text, 'kavc_version_state{model="tiny",state="AVAILABLE",version="2"}') == 1
    assert value(text, "process_resident_memory_bytes") > 1e8
    assert value(text, "process_open_fds") > 0


def test_other_paths_say_where_the_metrics_are(monitored):
    address = monitored.monitoring_address.replace("/monitoring/prometheus/metrics", "/metrics")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(address, timeout=10)
    with caught.value as response:
        assert response.code == 404
        assert response.read() == b"metrics are at /monitoring/prometheus/metrics\n"


def test_a_port_in_use(models_dir, monitored):
    taken = monitored.options.monitoring_port
    with pytest.raises(ServingError, match=f"can't show metrics on 127.0.0.1:{taken}"):
        LocalServer(models_dir, port=0, monitoring_port=taken).start()
    with LocalServer(models_dir, port=0, monitoring_port=0) as server:  # nothing was left behind
        assert scrape(server)


# Whoever reaches the port


class Names:
    """A catalogue of models of some names, each with a version 1."""

    def __init__(self, *names):
        self.names = names

    def known(self):
        return self.names

    def states(self, name):
        return {1: VersionState(ModelVersionStatus.AVAILABLE)}

    def versions(self, name):
        return [1] if name in self.names else []


@contextlib.contextmanager
def shown(*names):
    """Yields the metrics of models of these names, and their server."""
    metrics = monitoring.Metrics(Names(*names))
    server = monitoring.MetricsServer(metrics, "127.0.0.1", 0, "/metrics")
    try:
        yield metrics, server
    finally:
        server.stop()


def read(server):
    url = f"http://127.0.0.1:{server.port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


def connected(server):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    return contextlib.closing(connection)


def reads_the_end(connection):
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(2**16):
            pass


def reset(connection):
    """Hangs up as a process that is killed does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


TLS = bytes.fromhex("1603010200010001fc0303") + bytes(500)
HALVES = {
    "nothing": b"",
    "half-a-line": b"GET /met",
    "half-a-head": b"GET /metrics HTTP/1.1\r\nHost: ",
    "garbage": b"\xff\x00\x1b[2J\r\n\r\n",
    "tls": TLS,
    "long-line": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    "long-head": b"GET /metrics HTTP/1.1\r\n" + 3 * (b"X: " + b"a" * 60_000 + b"\r\n"),
    "many-lines": b"GET /metrics HTTP/1.1\r\n" + 200 * b"X: a\r\n" + b"\r\n",
    "odd-header": b"GET /metrics HTTP/1.1\r\nAccept: text/plain; version=1.x\r\n\r\n",
    "odd-version": b"GET /metrics HTTP/9.9\r\n\r\n",
}


@pytest.fixture(scope="module")
def nameless():
    with shown() as (_, server):
        yield server


@pytest.mark.parametrize("end", ["reset", "closed"])
@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES)
def test_nothing_that_a_caller_sends_is_a_traceback(capfd, caplog, nameless, sent, end):
    with connected(nameless) as connection, contextlib.suppress(OSError):
        connection.sendall(sent)  # of which the server may have refused half
        if end == "reset":
            reset(connection)
        else:
            connection.shutdown(socket.SHUT_WR)
            reads_the_end(connection)
    assert "process_open_fds" in read(nameless)
    wait_for_threads()
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def request_threads():
    return [one for one in threading.enumerate() if "process_request_thread" in one.name]


def wait_for_threads():
    """Waits until every connection has ended: what it would print is printed."""
    for thread in request_threads():
        thread.join(10)


@pytest.fixture
def patient(monkeypatch):
    """Lets a connection last for longer than a test waits."""
    monkeypatch.setattr(monitoring, "LONGEST_CONNECTION", 60)
    monkeypatch.setattr(monitoring._Handler, "timeout", 60)


@pytest.mark.usefixtures("patient")
def test_who_says_nothing_shuts_nobody_out():
    with shown() as (_, server), contextlib.ExitStack() as held:
        wait_for_threads()
        silent = [held.enter_context(connected(server)) for _ in range(2)]
        for connection in silent:
            connection.sendall(b"GET /metrics HT")
        others = [
            held.enter_context(connected(server)) for _ in range(2 * monitoring.MOST_CONNECTIONS)
        ]
        for _ in range(3):
            assert "process_open_fds" in read(server)
        for connection in [*silent, *others[: monitoring.MOST_CONNECTIONS]]:
            reads_the_end(connection)
        assert len(request_threads()) <= monitoring.MOST_CONNECTIONS


def test_a_request_that_takes_too_long_to_arrive(monkeypatch):
    monkeypatch.setattr(monitoring, "LONGEST_CONNECTION", 0.2)
    with shown() as (_, server), connected(server) as connection:
        ended = threading.Event()

        def drip():
            with contextlib.suppress(OSError):
                while not ended.wait(0.01):
                    connection.sendall(b"a")  # no wait for the next byte is a long one

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            reads_the_end(connection)  # or this fails after 10 s
        finally:
            ended.set()
            dripping.join()


@pytest.mark.usefixtures("patient")
def test_an_end_that_waits_for_nobody():
    with contextlib.ExitStack() as held:
        with shown() as (_, server):
            silent = [held.enter_context(connected(server)) for _ in range(3)]
            silent[0].sendall(b"GET /")
            assert read(server)  # by now all of them were let in
        for connection in silent:
            reads_the_end(connection)
        wait_for_threads()
        assert not request_threads()


NAMES = [
    'say "so"',
    "a\nb",
    "a\\nb",
    "back\\",
    "a\rb",
    "日本",
    "\x1b[2J",
    "\u2028",
    "\udcff",
    "{}",
    "#",
]


def test_any_folder_has_a_label():
    parser = pytest.importorskip("prometheus_client.parser")
    with shown(*NAMES) as (metrics, server):
        for name in NAMES:
            with metrics.request("Predict", name) as told:
                told("OK")
        families = list(parser.text_string_to_metric_families(read(server)))
    labels = sorted(name.replace("\udcff", r"\udcff") for name in NAMES)
    for family, sample in (("kavc_version_state", ""), ("kavc_requests", "_total")):
        (found,) = [one for one in families if one.name == family]
        samples = [one for one in found.samples if one.name == family + sample]
        assert sorted(one.labels["model"] for one in samples) == labels


def test_a_fault_of_ours_is_logged_and_answered(caplog, capfd):
    with shown() as (metrics, server):
        metrics.registry.collect = lambda: 1 / 0
        with pytest.raises(urllib.error.HTTPError, match="500"):
            read(server)
        wait_for_threads()
    assert [record.getMessage() for record in caplog.records] == ["the metrics can't be told"]
    assert capfd.readouterr() == ("", "")
