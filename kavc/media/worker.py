"""What a process of `kavc.media.decoders` does: it reads one file after another."""

from __future__ import annotations

import math
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from kavc.errors import KavcError
from kavc.media.container import words

GRACE = 5  # seconds after which a process ends itself, if nobody is left who would


def main() -> None:
    """Serves the pipe of the first argument, within as many bytes of memory as the second says."""
    number, memory = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    serve(Connection(number), memory)


def serve(pipe: Connection, memory: int) -> None:
    """Answers each call with (whether it has a result, the result or what went wrong)."""
    while True:
        try:
            function, args, options, seconds = pipe.recv()
        except EOFError:
            return
        signal.alarm(math.ceil(seconds) + GRACE)
        try:
            pipe.send(_answer(function, args, options))
        except MemoryError:
            pipe.send((False, f"reading it needs more than {memory >> 20} MiB of memory"))
        signal.alarm(0)


def _answer(function: Callable[..., Any], args: tuple, options: dict[str, Any]) -> tuple[bool, Any]:
    try:
        return True, function(*args, **options)
    except MemoryError:
        raise
    except KavcError as error:
        return False, error
    except Exception as error:  # whatever a codec or its binding comes to: the next file goes on
        return False, f"reading it failed ({type(error).__name__}: {words(error)})"
