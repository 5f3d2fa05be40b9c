"""`kavc serve`: starts TensorFlow Serving's own binary if it is installed, else the local server.

The binary is started by its documented flags. It was not available where this was written: it has
never been run from here, and the tests put a script of its name in its place.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from kavc.errors import ServingError
from kavc.serving.versions import model_folders

BINARY = "tensorflow_model_server"


def find_model_server() -> str | None:
    """Returns the path of `tensorflow_model_server`, or None if it isn't on the PATH."""
    return shutil.which(BINARY)


def serve(
    models_dir: str | os.PathLike,
    host: str = "127.0.0.1",
    port: int = 8500,
    *,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Serves a folder of models until SIGINT or SIGTERM.

    With `tensorflow_model_server` on the PATH this process becomes that server and the call does
    not return. Call it from the main thread.

    Args:
        models_dir: folder with NAME/VERSION/saved_model.pb.
        host: address that the local server listens on. The binary has no such flag: it listens
            on every interface, and the report says so.
        port: gRPC port; 0 lets the local server pick one.
        report: told one line that says which server answers where.

    Raises:
        ServingError: no model is there, one can't be loaded, or the port is in use.
    """
    models = model_folders(models_dir)
    binary = find_model_server()
    if binary is None:
        _serve_locally(models_dir, host, port, report)
        return
    if port == 0:
        raise ServingError(f"{BINARY} can't pick a port; give --port")
    command = model_server_command(binary, models, port)
    report(f"{' '.join(command)}: {', '.join(models)} on every interface, port {port}")
    os.execv(binary, command)


def model_server_command(binary: str, models: dict[str, Path], port: int) -> list[str]:
    """Returns the command line of TensorFlow Serving, and leaves its config in a temporary file.

    Args:
        binary: path of `tensorflow_model_server`.
        models: name to folder, as `kavc.serving.versions.model_folders` finds them.
        port: gRPC port.
    """
    with tempfile.NamedTemporaryFile(
        "w", prefix="kavc-", suffix=".config", delete=False, encoding="utf-8"
    ) as config:
        config.write(models_config(models))
    return [binary, f"--port={port}", f"--model_config_file={config.name}"]


def models_config(models: dict[str, Path]) -> str:
    """Returns a `ModelServerConfig` in protobuf's text format.

    Args:
        models: name to folder; TensorFlow Serving takes the highest version in each.
    """
    entries = "".join(
        f"  config {{ name: {_quoted(name)} base_path: {_quoted(str(folder.absolute()))} "
        'model_platform: "tensorflow" }\n'
        for name, folder in models.items()
    )
    return f"model_config_list {{\n{entries}}}\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _serve_locally(
    models_dir: str | os.PathLike, host: str, port: int, report: Callable[[str], None]
) -> None:
    from kavc.serving.server import LocalServer

    stopped = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stopped.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with LocalServer(models_dir, host, port) as server:
            names = ", ".join(
                f"{name} {server.catalogue.versions(name)[-1]}" for name in server.catalogue.names()
            )
            report(f"local server ({BINARY} is not on the PATH) on {server.address}: {names}")
            stopped.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
