"""What a process of `kavc.media.decoders` does: it reads one file after another."""

from __future__ import annotations

import contextlib
import math
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

from kavc.errors import ConfigError, DataError, KavcError
from kavc.inputs.opening import Path, named
from kavc.media.container import words
from kavc.media.messages import Message, loaded, packed, receive, transmit

START = 60.0  # seconds for what comes before a file: the process starts and loads a module
GRACE = 5  # seconds after which a process ends itself, if nobody is left who would


def main() -> None:
    """Serves the socket of the first argument, in as many bytes of memory as the second says."""
    number, memory = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    serve(socket.socket(fileno=number), memory)


def serve(line: socket.socket, memory: int) -> None:
    """Answers each job until nobody is there any more.

    A job is (name of the function, args with the path first, options, seconds for each item,
    whether the function is a generator). An answer is ("begun", None), ("item", value) any number
    of times, and ("done", None); ("failed", error) may take the place of each of these.
    """
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            job = receive(line)
            for message in _answer(job, memory):
                transmit(line, message)


def _answer(job: tuple, memory: int) -> Iterator[Message]:
    """Yields messages. Time is limited while there is work, not while one waits to be taken."""
    name, args, options, seconds, many = job
    path = args[0]
    try:
        with _alarm(max(START, seconds)):
            function = loaded(name)
        yield packed(("begun", None))
        items = _items(function, args, options, many)
        while True:
            with _alarm(seconds):
                message = _next(items, path)
            if message is None:
                break
            yield message
        yield packed(("done", None))
    except KavcError as error:
        yield packed(("failed", error))
    except MemoryError:
        fault = f"reading it needs more than {memory >> 20} MiB of memory"
        yield packed(("failed", DataError(f"{named(path)}: {fault}")))
    except Exception as error:  # whatever a codec or its binding comes to: the next file goes on
        fault = f"reading it failed ({type(error).__name__}: {words(error)})"
        yield packed(("failed", DataError(f"{named(path)}: {fault}")))


def _items(function: Callable[..., Any], args: tuple, options: dict, many: bool) -> Iterator[Any]:
    if many:
        yield from function(*args, **options)
    else:
        yield function(*args, **options)


def _next(items: Iterator[Any], path: Path) -> Message | None:
    for item in items:
        try:
            return packed(("item", item))
        except ConfigError as error:
            raise DataError(f"{named(path)}: what was read of it can't be sent: {error}") from None
    return None


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Ends this process if a block takes longer, and some grace."""
    signal.alarm(math.ceil(seconds) + GRACE)
    try:
        yield
    finally:
        signal.alarm(0)
