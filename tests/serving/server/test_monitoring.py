"""What Prometheus is told."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

import pytest

from kavc.errors import ServingError
from kavc.serving.client.blocking import Client
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
