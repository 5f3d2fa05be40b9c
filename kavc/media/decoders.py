"""Decoding in other processes: a codec that hangs or crashes takes nothing else with it.

They are fresh processes that import no more than this package's reader, never forks: neither what
TensorFlow holds nor the caller's script goes with them.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from kavc.errors import ConfigError, DataError, KavcError
from kavc.inputs.opening import Path, named

SECONDS = 600.0  # for one file
MEMORY = 4 * 2**30  # bytes of address space of a process
COMMAND = (sys.executable, "-P", "-c", "from kavc.media.worker import main; main()")
# One thread each: the pools of others would take memory and, with many processes, time.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Decoders:
    """Child processes that each read one file at a time.

    One whose file takes too long, or crashes it, is ended; the next file gets a new one.

    Args:
        count: how many.
        seconds: that a file may take, 600 by default.
        memory: bytes of address space that a process may have, 4 GiB by default. None for any
            number.

    Raises:
        ConfigError: there would be no process or no time.

    Example:
        with Decoders(2, seconds=60) as decoders:
            for path, sound in decoders.map(read_sound, paths, seconds=30):
                print(path, sound if isinstance(sound, KavcError) else sound.start)
    """

    def __init__(self, count: int = 1, *, seconds: float = SECONDS, memory: int | None = MEMORY):
        if count < 1 or not seconds > 0:
            raise ConfigError(
                f"at least one process and some time are needed; got {count} and {seconds} s"
            )
        self._seconds = seconds
        self._idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        self._children = [_Child(memory) for _ in range(count)]
        for child in self._children:
            self._idle.put(child)

    def run(self, function: Callable[..., Any], path: Path, *args: Any, **options: Any) -> Any:
        """Calls `function(path, *args, **options)` in a process; waits for one, and for the result.

        Args:
            function: of a module, that takes a path first: `probe`, `read_sound`, `read_frames`.
            path: of the file.
            *args, **options: of the function, pickled, as its result is.

        Raises:
            DataError: it took too long, its process crashed or had too little memory.
            ConfigError: the function is of a script.
            KavcError: what the function raised.
        """
        if function.__module__ == "__main__":  # a process loads no script, which may load anything
            raise ConfigError(
                f"{function.__name__} must be a function of a module, not of a script"
            )
        child = self._idle.get()
        try:
            return child.call(self._seconds, path, (function, (path, *args), options))
        finally:
            self._idle.put(child)

    def map(
        self, function: Callable[..., Any], paths: Iterable[Path], *args: Any, **options: Any
    ) -> Iterator[tuple[Path, Any]]:
        """Yields (path, result) of many files in their order; the result of a bad one is its error.

        Args are those of `run`. Some results wait in memory while the caller works on one.
        """

        def attempt(path: Path) -> Any:
            try:
                return self.run(function, path, *args, **options)
            except KavcError as error:
                return error

        count = len(self._children)
        with ThreadPoolExecutor(count) as threads:
            waiting: list[tuple[Path, Any]] = []
            for path in paths:
                waiting.append((path, threads.submit(attempt, path)))
                if len(waiting) > count:
                    done, result = waiting.pop(0)
                    yield done, result.result()
            for path, result in waiting:
                yield path, result.result()

    def close(self) -> None:
        """Ends the processes."""
        for child in self._children:
            child.end()

    def __enter__(self) -> Decoders:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Child:
    """A process that is there when it is needed."""

    def __init__(self, memory: int | None):
        self._memory = memory
        self._process: subprocess.Popen | None = None
        self._pipe: Connection | None = None

    def call(self, seconds: float, path: Path, job: tuple) -> Any:
        process, pipe = self._started()
        with _limit(process, seconds) as late:
            try:
                pipe.send((*job, seconds))
                is_result, value = pipe.recv()
            except (EOFError, OSError):
                end = _end_of(process)
                reason = f"took longer than {seconds:g} s" if late.is_set() else end
                raise DataError(f"{named(path)}: reading it {reason}; it is left out") from None
        if is_result:
            return value
        raise value if isinstance(value, KavcError) else DataError(f"{named(path)}: {value}")

    def _started(self) -> tuple[subprocess.Popen, Connection]:
        if self._process is None or self._pipe is None or self._process.poll() is not None:
            self.end()
            ours, theirs = socket.socketpair()
            with theirs:
                number = theirs.fileno()
                self._process = subprocess.Popen(
                    [*COMMAND, str(number), str(self._memory or 0)],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[number],
                    env={**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join(sys.path)},
                    start_new_session=True,  # an interrupt is for the caller, who ends it
                )  # fmt: skip
            self._pipe = Connection(ours.detach())
        return self._process, self._pipe

    def end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._pipe = None


@contextlib.contextmanager
def _limit(process: subprocess.Popen, seconds: float) -> Iterator[threading.Event]:
    """Kills a process that takes longer than a block may; the event says so."""
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()  # whatever it waits for, and also if it was stopped

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield late
    finally:
        watch.cancel()
        watch.join()  # it can't end what comes next


def _end_of(process: subprocess.Popen) -> str:
    """Returns what became of a process whose pipe was closed, in a few words."""
    process.kill()  # nothing, if it is dead
    code = process.wait()
    if code >= 0:
        return f"ended the process (status {code})"
    return f"crashed the process ({signal.Signals(-code).name})"
