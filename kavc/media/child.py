"""One of the processes of `kavc.media.decoders`, as seen by this one."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Generator, Iterator
from typing import Any

from kavc.errors import DataError, KavcError
from kavc.inputs.opening import Path, named
from kavc.media.messages import packed, receive, transmit
from kavc.media.worker import START

COMMAND = (sys.executable, "-P", "-c", "from kavc.media.worker import main; main()")
# One thread each: the pools of others would take memory and, with many processes, time.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
FIRST = ("begun", "failed")
NEXT = ("item", "done", "failed")

_all: weakref.WeakSet[Child] = weakref.WeakSet()
_over = threading.Event()


@contextlib.contextmanager
def nothing_read() -> Iterator[None]:
    """Ends every process, and has none be started in a block: for who waits for threads that read.

    Whoever waits for a file on another thread gets an error, and so does who asks for one.

    Example:
        with nothing_read():
            threads.shutdown()
    """
    _over.set()
    try:
        for child in list(_all):
            child.kill()
        yield
    finally:
        _over.clear()


class Child:
    """A process that is there when it is needed.

    Args:
        memory: bytes of address space that it may have. None for any number.

    Attributes:
        busy: whether it works on a file.
    """

    def __init__(self, memory: int | None):
        self.busy = False
        self._memory = memory
        self._process: subprocess.Popen | None = None
        self._line: socket.socket | None = None
        _all.add(self)

    def items(
        self, name: str, path: Path, args: tuple, options: dict, *, seconds: float, many: bool
    ) -> Generator[Any, None, None]:
        """Yields what a function gives of a file.

        It waits only while the next item is asked for. The process is ended if that takes too long,
        and if the iterator is closed before its end.

        Args:
            name: of the function, "module:function".
            path: of the file, its first argument.
            args, options: its further ones.
            seconds: that an item may take.
            many: whether it yields items, or returns one.

        Raises:
            DataError: it took too long, the process crashed, or it sent what is no message.
            ConfigError: the arguments can't be sent.
            KavcError: what the function raised; or nothing is read any more.
        """
        first = path if isinstance(path, str) else pathlib.Path(os.fsdecode(path))
        message = packed((name, (first, *args), options, seconds, many))
        self.busy, rests = True, False
        try:
            process, line = self._started()
            limit = max(START, seconds)  # until it begins
            try:
                transmit(line, message, limit)
                word, value = _reply(line, limit, FIRST)
                limit = seconds
                while word in ("begun", "item"):
                    if word == "item":
                        yield value
                    word, value = _reply(line, limit, NEXT)
                rests = True
            except TimeoutError:
                raise _left_out(path, f"reading it took longer than {limit:g} s") from None
            except (EOFError, OSError):
                raise _left_out(path, f"reading it {_end_of(process)}") from None
            except DataError as error:
                raise _left_out(path, str(error)) from None
        finally:
            if not rests:
                self.end()
            self.busy = False
        if word == "failed":
            raise value

    def _started(self) -> tuple[subprocess.Popen, socket.socket]:
        if self._process is None or self._line is None or self._process.poll() is not None:
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
            self._line = ours
        if _over.is_set():  # asked last: what is started now may not have been seen
            raise KavcError("files are no longer read")
        return self._process, self._line

    def kill(self) -> None:
        """Ends the process, also while another thread waits for it, which then sees its end."""
        process = self._process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """Ends the process and waits until it is gone."""
        process, self._process = self._process, None
        line, self._line = self._line, None
        if process is not None:
            process.kill()
            process.wait()
        if line is not None:  # closed last: another thread that waits on it sees the end
            line.close()


def _reply(line: socket.socket, seconds: float, expected: tuple[str, ...]) -> tuple[str, Any]:
    reply = receive(line, seconds)
    if isinstance(reply, tuple) and len(reply) == 2 and reply[0] in expected:
        word, value = reply
        if word == "item" or (isinstance(value, KavcError) if word == "failed" else value is None):
            return word, value
    raise DataError("what the process sent is no answer")


def _left_out(path: Path, words: str) -> DataError:
    return DataError(f"{named(path)}: {words}; it is left out")


def _end_of(process: subprocess.Popen) -> str:
    """Returns what became of a process whose socket was closed, in a few words."""
    process.kill()  # nothing, if it is dead
    code = process.wait()
    if code >= 0:
        return f"ended the process (status {code})"
    return f"crashed the process ({signal.Signals(-code).name})"
