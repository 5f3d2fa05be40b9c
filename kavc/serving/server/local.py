"""A local server: TensorFlow Serving's calls on plain gRPC, for where its binary is not at hand."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from kavc.errors import ServingError
from kavc.serving.options import ServerOptions
from kavc.serving.protos import (
    MODEL_SERVICE,
    PREDICTION_SERVICE,
    add_HealthServicer_to_server,
    add_ModelServiceServicer_to_server,
    add_PredictionServiceServicer_to_server,
    enable_server_reflection,
    grpc,
)
from kavc.serving.server.activity import Activity
from kavc.serving.server.catalogue import Catalogue
from kavc.serving.server.health import Health
from kavc.serving.server.housekeeping import Housekeeping
from kavc.serving.server.manager import VersionManager
from kavc.serving.server.memory import FreedMemory
from kavc.serving.server.model import THREADS, Model
from kavc.serving.server.receiving import Receiving
from kavc.serving.server.service import Models, Predictions, uncounted
from kavc.serving.server.slots import Waiting
from kavc.serving.server.tls import server_credentials
from kavc.serving.versions import model_folders

# A request holds its thread while its batch waits: fewer threads than rows could never fill one.
THREADS_WHEN_BATCHING = 64
# Threads are begun when they are needed; `Waiting`, `Arrivals` and `Health` bound what holds them.
MOST_THREADS = 16_384
HEALTH_SERVICE = "grpc.health.v1.Health"
LAST_ORDERS = 0.25  # seconds
# Seconds without a request after which the end waits no longer: gRPC would wait for callers that
# watch the health.
QUIET = 0.5
CANCELLING = 0.25  # seconds until those that wait for nothing but gRPC have been told
LEAVING = 0.4  # seconds that a process needs to end
CANCELLED = 1.0  # seconds that what hangs has to end, once it was told to
CHANNEL = {
    "grpc.so_reuseport": 0,  # else two servers share a port in silence
    # Of one connection; and of all, those that no thread has looked at. Beyond these gRPC drops
    # calls, whoever's they are: a thousand would do by default.
    "grpc.max_concurrent_streams": 128,
    "grpc.server.max_pending_requests": 10_000,
    "grpc.server.max_pending_requests_hard_limit": 10_000,
    "grpc.server_handshake_timeout_ms": 10_000,
    # A caller whose machine has gone is found out; one who only rests is asked to come again.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.max_connection_idle_ms": 900_000,
    # A few compressed bytes can claim a thousand times as many, before anybody could refuse them.
    "grpc.compression_enabled_algorithms_bitset": 1,  # none but the identity
}


class LocalServer:
    """Serves the highest version that loads of every model in a folder, and follows the folder.

    Args:
        models_dir: folder with NAME/VERSION/saved_model.pb.
        host, port: address to listen on; port 0 picks a free one.
        options: everything else; host and port of it count where they are not given here.
        more: fields of `ServerOptions` that differ from `options`.

    Attributes:
        options: with the ports that were picked, after `start`.
        catalogue: the loaded models.

    Example:
        with LocalServer("models", port=0) as server:
            Client(server.address).predict("ti-avc", inputs)
    """

    def __init__(
        self,
        models_dir: str | os.PathLike,
        host: str | None = None,
        port: int | None = None,
        *,
        options: ServerOptions | None = None,
        **more: Any,
    ):
        given = {"host": host, "port": port}
        more |= {name: value for name, value in given.items() if value is not None}
        self.models_dir = Path(models_dir)
        self.options = replace(options or ServerOptions(), **more)
        self.catalogue = Catalogue()
        self._freed = FreedMemory()
        self._receiving = Receiving(
            self.options.upload_seconds, self.options.max_message_bytes, self._freed
        )
        self._waiting = Waiting()
        self._housekeeping = Housekeeping(
            self._receiving.tidy, self.catalogue.end_calls, self._freed.tidy
        )
        self._manager: VersionManager | None = None
        self._metrics_server: Any = None
        self._activity = Activity(uncounted)
        self._server = self._grpc_server()
        self._health = Health()

    @property
    def port(self) -> int:
        """The gRPC port; the one that was picked, after `start`."""
        return self.options.port

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return _address(self.options.host, self.options.port)

    @property
    def monitoring_address(self) -> str | None:
        """URL of the metrics; None if nobody asked for them."""
        options = self.options
        if options.monitoring_port is None:
            return None
        where = _address(options.host, options.monitoring_port)
        return f"http://{where}{options.monitoring_path}"

    def start(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Takes the ports, loads the models, answers.

        Args:
            until: no model is waited for any longer when this returns true.

        Raises:
            ConfigError: no model is there, or key and certificate do not fit.
            ServingError: a port is taken, or no model can be loaded.
        """
        model_folders(self.models_dir)  # the cheap mistake first
        self.options = replace(self.options, port=self._listen())
        try:
            self._activity = Activity(self._start_metrics())
            self._start_models(until)
        except BaseException:
            self.stop(grace=0)
            raise
        counted = self._activity.request
        add_PredictionServiceServicer_to_server(Predictions(self.catalogue, counted), self._server)
        add_ModelServiceServicer_to_server(Models(self.catalogue, counted), self._server)
        add_HealthServicer_to_server(self._health, self._server)
        services = (PREDICTION_SERVICE, MODEL_SERVICE, HEALTH_SERVICE)
        enable_server_reflection(
            (*services, "grpc.reflection.v1alpha.ServerReflection"), self._server
        )
        self._server.start()
        self._housekeeping.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the server has stopped; returns whether it still runs after `timeout` s."""
        return self._server.wait_for_termination(timeout)

    def drain(self) -> bool:
        """Stops as a server under load should, within `options.grace_seconds`.

        Health says NOT_SERVING at once, but requests are taken a moment longer: gRPC cancels those
        that have arrived and that no thread has looked at when it stops to listen.

        Returns:
            Whether all has ended; see `stop`.
        """
        grace = self.options.grace_seconds
        self._health.enter_graceful_shutdown()
        time.sleep(min(LAST_ORDERS, grace))
        return self.stop(max(0.0, grace - LAST_ORDERS - CANCELLING - LEAVING))

    def stop(self, grace: float | None = None) -> bool:
        """Takes no new request, waits at most `grace` seconds for running ones, stops.

        Calls that run on after that are ended by ending their graphs. Does nothing if it has
        stopped.

        Args:
            grace: seconds; `options.grace_seconds` by default.

        Returns:
            Whether all has ended. Else a call or a load hangs, and with it a thread, which would
            keep Python from leaving: the process is then to be left by `os._exit`.
        """
        self._health.enter_graceful_shutdown()
        ended = self._stop_answering(self.options.grace_seconds if grace is None else grace)
        self._housekeeping.stop()
        if self._manager is not None:
            ended &= self._manager.stop(CANCELLED)
        if self._metrics_server is not None:
            self._metrics_server.stop()
            self._metrics_server = None
        for name in self.catalogue.names():
            for version in self.catalogue.versions(name):
                self.catalogue.withdraw(name, version)
        return ended

    def _stop_answering(self, grace: float) -> bool:
        """Waits for requests and for those on their way; returns whether all calls have ended."""
        end = time.monotonic() + grace
        over = self._server.stop(grace)
        while not over.wait(QUIET / 5) and time.monotonic() < end:
            if self._activity.idle() > QUIET and not self._receiving.on_their_way():
                break
        self._server.stop(0)  # without a grace of its own, gRPC would wait for all threads
        if not self._activity.wait(CANCELLING):  # whoever called has been told, but a graph runs on
            self.catalogue.end_all_calls()
        return self._activity.wait(CANCELLED) and over.wait(CANCELLED)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _grpc_server(self) -> Any:
        self._pool = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="kavc-serving")
        largest = self.options.max_message_bytes
        limits = {
            "grpc.max_receive_message_length": largest,
            "grpc.max_send_message_length": largest,
        }
        return grpc.server(
            self._pool,
            interceptors=[self._receiving],
            options=[*limits.items(), *CHANNEL.items()],
        )

    def _listen(self) -> int:
        tls = self.options.tls
        credentials = server_credentials(tls) if tls else None
        try:
            if credentials is None:
                port = self._server.add_insecure_port(self.address)
            else:
                port = self._server.add_secure_port(self.address, credentials)
        except RuntimeError:  # newer grpcio raises, older returns 0
            port = 0
        if port == 0:
            raise ServingError(
                f"can't listen on {self.address}: the port is in use, or the host is not an "
                "address of this machine; choose others with --host and --port"
            )
        return port

    def _start_metrics(self) -> Any:
        """Returns what counts requests."""
        options = self.options
        if options.monitoring_port is None:
            return uncounted
        from kavc.serving.server.monitoring import Metrics, MetricsServer

        metrics = Metrics(self.catalogue)
        self._metrics_server = MetricsServer(
            metrics, options.host, options.monitoring_port, options.monitoring_path
        )
        self.options = replace(options, monitoring_port=self._metrics_server.port)
        return metrics.request

    def _start_models(self, until: Callable[[], bool]) -> None:
        options = self.options
        threads = THREADS_WHEN_BATCHING if options.batching else THREADS
        self._manager = VersionManager(
            self.models_dir,
            self.catalogue,
            functools.partial(
                Model,
                batching=options.batching,
                threads=options.threads or threads,
                waiting=self._waiting,
                allow_ops=options.allow_ops,
            ),
            warmup=options.warmup,
            seconds=options.load_seconds,
            on_change=lambda: self._health.tell(self.catalogue),
        )
        self._manager.load_all(until=until)
        self._manager.start(options.poll_seconds)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
