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
MOST_WATCHERS = 1000


class Health(HealthServicer):
    """gRPC's health service, with a bound on those who watch.

    A watcher holds no thread, but memory; so would each name that was ever asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._watchers = 0

    def tell(self, catalogue: Catalogue) -> None:
        """Sets the health of the whole, of the services, and of each model by its name."""
        serving, not_serving = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
        names = catalogue.names()
        for service in ("", PREDICTION_SERVICE, MODEL_SERVICE):
            self.set(service, serving if names else not_serving)
        for name in catalogue.known():
            self.set(name, serving if name in names else not_serving)

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
        context.add_callback(self._leave)
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
