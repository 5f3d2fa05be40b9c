"""`kavc serve`: starts TensorFlow Serving's own binary if it is installed, else the local server.

The binary is started by its documented flags. It was not available where this was written: it has
never been run from here, and the tests put a script of its name in its place.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kavc.errors import ExportError, ServingError
from kavc.serving.configs import MODELS_FILE, models_of, read_models
from kavc.serving.flags import BINARY, differences, model_server_command
from kavc.serving.inspection import inspect
from kavc.serving.inspection.version_files import OTHER_GRAPHS
from kavc.serving.options import ServerOptions
from kavc.serving.versions import GRAPH, is_version, model_folders

if TYPE_CHECKING:
    from kavc.serving.server.local import LocalServer

log = logging.getLogger(__name__)
STOP = (signal.SIGINT, signal.SIGTERM)
LOOK = 0.1  # seconds between looks at the signals and at the binary


def find_model_server() -> str | None:
    """Returns the path of `tensorflow_model_server`, or None if it isn't on the PATH."""
    return shutil.which(BINARY)


def serve(
    models_dir: str | os.PathLike,
    options: ServerOptions | None = None,
    *,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Serves a folder of models until SIGINT or SIGTERM; a second signal ends the process at once.

    With `tensorflow_model_server` on the PATH that server is started and watched; else the local
    one runs in this process. Call it from the main thread.

    Args:
        models_dir: folder with NAME/VERSION/saved_model.pb.
        options: how they are served.
        report: told, a line each, which server answers where, and what it does otherwise than the
            options say.

    Raises:
        ConfigError: no model is there, or an option does not fit.
        ServingError: a model can't be loaded, a port is in use, or the binary failed.

    Example:
        serve("models", ServerOptions(port=8500, monitoring_port=8501), report=print)
    """
    options = options or ServerOptions()
    model_folders(models_dir)  # the cheap mistake first
    binary = find_model_server()
    if binary is None:
        with _signals() as signals:
            _serve_locally(models_dir, options, report, signals)
    else:
        with _signals() as signals:
            _serve_by_binary(binary, models_dir, options, report, signals)
        if len(signals) > 1:
            sys.exit(128 + signals[-1])


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Yields the list that each signal to stop joins.

    A handler runs between any two steps of the main thread, those of the standard library too: one
    that raises may leave a lock of `Popen` taken for ever, and one that sets an event may wait for
    a lock that the interrupted thread holds. This one does neither; the main thread looks.
    """
    seen: list[int] = []
    before = {number: signal.signal(number, lambda n, _: seen.append(n)) for number in STOP}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve_locally(
    models_dir: str | os.PathLike,
    options: ServerOptions,
    report: Callable[[str], None],
    signals: list[int],
) -> None:
    threading.Thread(target=_leave_at_the_second, args=(signals,), daemon=True).start()
    from kavc.serving.server.memory import (
        keep_freed_memory,
        set_environment,
        spare_the_collector,
    )

    set_environment()
    from kavc.serving.server.local import LocalServer  # takes seconds

    if signals:
        return
    keep_freed_memory()
    _allow_many_files()
    server = LocalServer(models_dir, options=options)
    report_pins(models_dir, report)
    report_unread(options, report)
    try:
        server.start(until=lambda: bool(signals))
        if not signals:
            _tell(server, report)
            spare_the_collector()
        while not signals:
            time.sleep(LOOK)
        report(f"stopping: running requests have {options.grace_seconds:g} s")
        ended = server.drain()
    except BaseException:
        server.stop(grace=0)
        raise
    if not ended:  # Python would wait for the threads
        log.error("a call or a version that is loaded hangs; it is left behind")
        logging.shutdown()
        os._exit(0)


def _tell(server: LocalServer, report: Callable[[str], None]) -> None:
    catalogue = server.catalogue
    names = ", ".join(f"{name} {catalogue.versions(name)[-1]}" for name in catalogue.names())
    report(f"local server ({BINARY} is not on the PATH) on {server.address}: {names}")
    if server.monitoring_address is not None:
        report(f"metrics on {server.monitoring_address}")


def _allow_many_files() -> None:
    """Lets this process open as many files as it may: each connection is one."""
    with contextlib.suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _leave_at_the_second(signals: list[int]) -> None:
    """Ends the process: the threads of running requests would keep one that only wants to exit."""
    while len(signals) < 2:
        time.sleep(LOOK)
    os._exit(128 + signals[-1])


def report_pins(models_dir: str | os.PathLike, report: Callable[[str], None]) -> None:
    """Tells whose versions or labels an operator chose: the local server has no such choice.

    Args:
        models_dir: folder of served models.
        report: told one line, or nothing.
    """
    file = Path(models_dir) / MODELS_FILE
    if not file.exists():
        return
    pinned = [
        entry.name
        for entry in read_models(file).model_config_list.config
        if entry.HasField("model_version_policy") or entry.version_labels
    ]
    if pinned:
        report(
            f"{file} chooses versions or labels of {', '.join(pinned)}: the local server does not "
            "read it, and serves the highest version of every model"
        )


def report_unread(options: ServerOptions, report: Callable[[str], None]) -> None:
    """Tells which settings of batching the local server does not know.

    Args:
        options: how models are served.
        report: told one line, or nothing.

    Example:
        >>> from kavc.serving.configs import BatchingConfig
        >>> batching = BatchingConfig(others=(("thread_pool_name", "clips"),))
        >>> report_unread(ServerOptions(batching=batching), print)
        batching: thread_pool_name: not read by the local server
    """
    names = [name for name, _ in options.batching.others] if options.batching else []
    if names:
        report(f"batching: {', '.join(names)}: not read by the local server")


def _serve_by_binary(
    binary: str,
    models_dir: str | os.PathLike,
    options: ServerOptions,
    report: Callable[[str], None],
    signals: list[int],
) -> None:
    _refuse_foreign_versions(models_dir, options.allow_ops)
    with tempfile.TemporaryDirectory(prefix="kavc-serve-") as folder:
        command = model_server_command(binary, models_dir, options, folder)
        names = ", ".join(entry.name for entry in models_of(models_dir).model_config_list.config)
        report(f"{' '.join(command)}: {names}")
        for line in differences(options):
            report(line)
        # In a group of its own: Ctrl-C reaches this process alone, which passes it on.
        process = subprocess.Popen(command, start_new_session=True)
        try:
            _watch(process, signals)
            report(f"stopping {BINARY}")
            process.terminate()
            deadline = time.monotonic() + options.grace_seconds
            while process.poll() is None and len(signals) < 2 and time.monotonic() < deadline:
                time.sleep(LOOK)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _watch(process: subprocess.Popen, signals: list[int]) -> None:
    """Waits for a signal; the binary's end must not come first."""
    while not signals:
        if process.poll() is not None:
            raise ServingError(f"{BINARY} ended with exit code {process.returncode}; see its log")
        time.sleep(LOOK)


def _refuse_foreign_versions(models_dir: str | os.PathLike, allow_ops: Collection[str]) -> None:
    """Checks the versions that are there; the binary itself checks none that come later."""
    for entry in models_of(models_dir).model_config_list.config:
        for version in _loadable(Path(entry.base_path)):
            try:
                inspect(version, allow_ops=allow_ops)
            except ExportError as error:
                raise ServingError(f"{version} is refused: {error}") from error


def _loadable(model: Path) -> list[Path]:
    """Returns the versions that the binary would load, from whichever file."""
    folders = sorted(path for path in model.iterdir() if is_version(path.name))
    graphs = (GRAPH, *OTHER_GRAPHS)
    return [path for path in folders if any((path / graph).exists() for graph in graphs)]
