"""The health of a server, of its services and of each model, as gRPC's own protocol tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kavc.serving.protos import (
    MODEL_SERVICE,
    PREDICTION_SERVICE,
    HealthCheckResponse,
    HealthServicer,
    grpc,
)
from kavc.serving.server.catalogue import Catalogue

LONGEST_NAME = 255  # bytes: a model's is that of a folder
MOST_WATCHERS = 256


class Health(HealthServicer):
    """gRPC's health service, with a bound on those who watch.

    Each holds a thread. Without threads of their own, as is this service's default, a watcher who
    takes nothing, or leaves at the wrong moment, would hold the lock that all of them share, and
    with it the one thread that all calls go through.

    Reference:
        gRPC's health checking protocol, `grpc/health/v1/health.proto`.
    """

    def __init__(self) -> None:
        super().__init__(experimental_non_blocking=False)
        self._watchers = 0

    def tell(self, catalogue: Catalogue) -> None:
        """Sets the health of each model by its name, of the services, and of the whole."""
        serving, not_serving = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
        names = catalogue.names()
        for name in catalogue.known():
            self.set(name, serving if name in names else not_serving)
        for service in ("", PREDICTION_SERVICE, MODEL_SERVICE):  # last: a folder may be called so
            self.set(service, serving if names else not_serving)

    def Watch(
        self, request: Any, context: Any, send_response_callback: Callable | None = None
    ) -> Any:
        if len(request.service.encode()) > LONGEST_NAME:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no service has so long a name")
        with self._lock:
            if self._watchers >= MOST_WATCHERS:
                context.abort(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, f"{MOST_WATCHERS} callers watch already"
                )
            self._watchers += 1
        if not context.add_callback(self._leave):  # the caller has gone
            self._leave()
        return super().Watch(request, context, send_response_callback)

    def _leave(self) -> None:
        with self._lock:
            self._watchers -= 1

    def _on_close_callback(self, send_response_callback: Callable, service: str) -> Callable:
        close = super()._on_close_callback(send_response_callback, service)

        def closed() -> None:
            close()
            with self._lock:
                if not self._send_response_callbacks.get(service):
                    self._send_response_callbacks.pop(service, None)

        return closed
