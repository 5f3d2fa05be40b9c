"""A local server for development: TensorFlow Serving's calls on plain gRPC, without batching."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from kavc.errors import ServingError
from kavc.serving.catalogue import Catalogue
from kavc.serving.protos import (
    MAX_MESSAGE_BYTES,
    add_ModelServiceServicer_to_server,
    add_PredictionServiceServicer_to_server,
    grpc,
)
from kavc.serving.service import Models, Predictions
from kavc.serving.versions import model_folders

THREADS = 8


class LocalServer:
    """Serves the highest version of every model in a folder.

    Args:
        models_dir: folder with NAME/VERSION/saved_model.pb.
        host: address to listen on.
        port: gRPC port; 0 picks a free one.
        threads: requests that are worked on at a time.
        max_message_bytes: larger requests are refused before they are read.

    Attributes:
        port: as given; the one that was picked after `start`.
        catalogue: the loaded models.

    Example:
        with LocalServer("models", port=0) as server:
            Client(server.address).predict("ti-avc", inputs)
    """

    def __init__(
        self,
        models_dir: str | os.PathLike,
        host: str = "127.0.0.1",
        port: int = 8500,
        *,
        threads: int = THREADS,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ):
        self.models_dir = models_dir
        self.host = host
        self.port = port
        self.catalogue = Catalogue()
        self._server = grpc.server(
            ThreadPoolExecutor(threads, thread_name_prefix="kavc-serving"),
            options=[
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.max_send_message_length", max_message_bytes),
                ("grpc.so_reuseport", 0),  # else two servers share a port in silence
            ],
        )

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return _address(self.host, self.port)

    def start(self) -> None:
        """Takes the port, loads the models, answers.

        Raises:
            ServingError: the port is taken, no model is there, or one can't be loaded.
        """
        model_folders(self.models_dir)  # the cheap mistake first
        self.port = self._listen()
        try:
            self.catalogue.load(self.models_dir)
        except ServingError:
            self.stop(grace=0)
            raise
        add_PredictionServiceServicer_to_server(Predictions(self.catalogue), self._server)
        add_ModelServiceServicer_to_server(Models(self.catalogue), self._server)
        self._server.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the server has stopped; returns whether it still runs after `timeout` s."""
        return self._server.wait_for_termination(timeout)

    def stop(self, grace: float = 5.0) -> None:
        """Takes no new request, waits at most `grace` seconds for running ones, stops."""
        self._server.stop(grace).wait()

    def __enter__(self) -> LocalServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listen(self) -> int:
        try:
            port = self._server.add_insecure_port(self.address)
        except RuntimeError:  # newer grpcio raises, older returns 0
            port = 0
        if port == 0:
            raise ServingError(
                f"can't listen on {self.address}: the port is in use, or the host is not an "
                "address of this machine; choose others with --host and --port"
            )
        return port


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
