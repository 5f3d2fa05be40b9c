"""What a server tells Prometheus: requests, their time and status, batches, versions, memory."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from kavc.errors import ServingError
from kavc.serving.protos import ModelVersionStatus
from kavc.serving.server.catalogue import Catalogue

try:
    from prometheus_client import (
        CollectorRegistry,
        Counter,
        Gauge,
        Histogram,
        ProcessCollector,
        make_wsgi_app,
    )
    from prometheus_client.core import GaugeMetricFamily
except ImportError as error:
    raise ServingError(
        f"metrics need a package that is not installed ({error}); pip install 'kavc[serve]'"
    ) from error

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """The numbers of one server, in a registry of their own.

    Args:
        catalogue: whose versions are told.
    """

    def __init__(self, catalogue: Catalogue):
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "kavc_requests", "Requests, by gRPC status.", ("method", "model", "code"),
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "kavc_request_seconds", "Time in the server.", ("method", "model"),
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self._running = Gauge(
            "kavc_requests_in_flight", "Requests that are worked on.", registry=self.registry
        )
        self.registry.register(_Versions(catalogue))
        ProcessCollector(registry=self.registry)
        self._catalogue = catalogue

    @contextmanager
    def request(self, method: str, model: str) -> Any:
        """Counts one request and its time; yields a function to be told the gRPC status.

        A name that nobody serves is counted as "?", or callers could invent labels without end.
        """
        codes = ["INTERNAL"]
        start = time.perf_counter()
        with self._running.track_inprogress():
            try:
                yield lambda code: codes.append(code)
            finally:
                model = model if self._catalogue.versions(model) else "?"
                self._requests.labels(method, model, codes[-1]).inc()
                self._seconds.labels(method, model).observe(time.perf_counter() - start)


class MetricsServer:
    """Shows metrics over HTTP.

    Args:
        metrics: what is shown.
        host, port: where; port 0 picks a free one.
        path: any other gets 404.

    Attributes:
        port: that is listened on.

    Raises:
        ServingError: the port is taken.
    """

    def __init__(self, metrics: Metrics, host: str, port: int, path: str):
        shown = make_wsgi_app(metrics.registry, disable_compression=True)

        def app(environ: dict, start_response: Callable) -> Iterable[bytes]:
            if environ.get("PATH_INFO") != path:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [f"metrics are at {path}\n".encode()]
            return shown(environ, start_response)

        try:
            self._server = make_server(host, port, app, _Server, _Handler)
        except (OSError, OverflowError) as error:
            raise ServingError(
                f"can't show metrics on {host}:{port}: {error}; choose another port with "
                "--monitoring-port"
            ) from error
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="kavc-metrics", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Closes the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Versions:
    """Collects the state of every version: 1 for the state that it is in."""

    def __init__(self, catalogue: Catalogue):
        self._catalogue = catalogue

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "kavc_version_state", "1 for a version's state.", labels=("model", "version", "state")
        )
        for name in self._catalogue.known():
            for version, found in self._catalogue.states(name).items():
                state = ModelVersionStatus.State.Name(found.state)
                family.add_metric((name, str(version), state), 1)
        yield family


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = 10  # seconds; a caller that says nothing holds no thread

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: every scrape would be a line."""
