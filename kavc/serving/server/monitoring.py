"""What a server tells Prometheus: requests, their time and status, batches, versions, memory."""

from __future__ import annotations

import io
import logging
import socketserver
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR, socket
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
        generate_latest,
    )
    from prometheus_client.core import GaugeMetricFamily
except ImportError as error:
    raise ServingError(
        f"metrics need a package that is not installed ({error}); pip install 'kavc[serve]'"
    ) from error

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
MOST_CONNECTIONS = 32
LONGEST_CONNECTION = 10.0  # seconds from its begin to its end
MOST_BYTES = 100 * 2**10  # of a request; a line of it has up to 64 KiB, as `http.server` takes it

log = logging.getLogger(__name__)


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

        >>> metrics = Metrics(Catalogue())
        >>> with metrics.request("Predict", "ti-avc") as ended:
        ...     ended("NOT_FOUND")
        >>> labels = {"method": "Predict", "model": "?", "code": "NOT_FOUND"}
        >>> metrics.registry.get_sample_value("kavc_requests_total", labels)
        1.0
        """
        codes = ["INTERNAL"]
        start = time.perf_counter()
        with self._running.track_inprogress():
            try:
                yield lambda code: codes.append(code)
            finally:
                model = model if self._catalogue.versions(model) else "?"
                model = _label(model)
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

    Reference:
        Prometheus' text format, version 0.0.4.
    """

    def __init__(self, metrics: Metrics, host: str, port: int, path: str):
        def app(environ: dict, start_response: Callable) -> Iterable[bytes]:
            if environ.get("PATH_INFO") != path:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [f"metrics are at {path}\n".encode()]
            try:
                text = generate_latest(metrics.registry)
            except Exception:
                log.exception("the metrics can't be told")
                raise  # answered with status 500
            start_response("200 OK", [("Content-Type", TEXT_FORMAT)])
            return [text]

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
        """Closes the port and every connection."""
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
                family.add_metric((_label(name), str(version), state), 1)
        yield family


def _label(name: str) -> str:
    """Returns a name that UTF-8 can hold; the format of metrics escapes what it can't itself."""
    return name.encode(errors="backslashreplace").decode()


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """Answers a number of connections, each in a thread and for some seconds at most.

    Who opens more than are let in, and says nothing, shuts nobody out: a new connection takes the
    place of the oldest one whose request has not come.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *arguments: Any):
        self._lock = threading.Lock()  # held by who hangs up, so that nobody else closes meanwhile
        self._ends: dict[socket, float] = {}  # when each connection is hung up
        self._silent: dict[socket, None] = {}  # those whose request has not come, the oldest first
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._ends) >= MOST_CONNECTIONS and self._silent:
                self._hang_up(next(iter(self._silent)))
            if has_room := len(self._ends) < MOST_CONNECTIONS:
                self._ends[request] = time.monotonic() + LONGEST_CONNECTION
                self._silent[request] = None
        if has_room:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def heard(self, request: socket) -> None:
        """Notes that a request has come."""
        with self._lock:
            self._silent.pop(request, None)

    def service_actions(self) -> None:
        """Hangs up where it took too long; called about twice a second."""
        now = time.monotonic()
        with self._lock:
            for request in [request for request, end in self._ends.items() if end < now]:
                self._hang_up(request)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._forget(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            for request in list(self._ends):
                self._hang_up(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: half a request would be a traceback."""

    def _hang_up(self, request: socket) -> None:
        """Ends a connection; its thread, which waits for more or for who reads, then ends."""
        self._forget(request)
        with suppress(OSError):  # the caller has hung up
            request.shutdown(SHUT_RDWR)

    def _forget(self, request: socket) -> None:
        self._ends.pop(request, None)
        self._silent.pop(request, None)


class _Head(io.BufferedIOBase):
    """The first bytes of a stream, line by line; what comes after them is not read."""

    def __init__(self, stream: io.BufferedIOBase):
        self._stream = stream
        self._left = MOST_BYTES

    def readline(self, size: int | None = -1) -> bytes:
        most = self._left if size is None or size < 0 else min(size, self._left)
        line = self._stream.readline(most)
        self._left -= len(line)
        return line

    def close(self) -> None:
        self._stream.close()


class _Handler(WSGIRequestHandler):
    server: _Server
    timeout = LONGEST_CONNECTION  # of each wait

    def setup(self) -> None:
        super().setup()
        self.rfile = _Head(self.rfile)

    def parse_request(self) -> bool:
        is_request = super().parse_request()
        self.server.heard(self.connection)
        return is_request

    def get_stderr(self) -> io.StringIO:
        """Returns where tracebacks are lost: a caller who hangs up is none of our errors."""
        return io.StringIO()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: every scrape would be a line."""
