"""What the processes of tests/media/test_streams.py do with a "file"."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import numpy as np

from kavc.errors import DataError
from kavc.media.messages import packed, transmit

LARGE = 2**21  # bytes of an item that no socket takes whole, before the other end reads it


def count(path, most=3):
    """Yields 0, 1, ..."""
    yield from range(most)


def large(path, most):
    """Yields large items; the file at `path` has a byte for each that was begun."""
    for number in range(most):
        with Path(path).open("ab") as file:
            file.write(b".")
        yield np.full(LARGE, number, np.uint8)


def meet(path, other, most=3):
    """Yields large items, each only when the other file's process has come as far."""
    for number in range(most):
        Path(f"{path}.{number}").touch()
        while not Path(f"{other}.{number}").exists():
            time.sleep(0.01)
        yield np.full(LARGE, number, np.uint8)


def breaks(path, how):
    """Yields twice, and then something happens."""
    yield from range(2)
    if how == "error":
        raise DataError(f"{path}: damaged")
    if how == "bug":
        raise ZeroDivisionError("no number")
    if how == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        time.sleep(100)
    if how == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    yield {how}  # which nothing sends


def slow(path, seconds, most):
    """Yields large items, after some time each; the first is the process."""
    yield os.getpid()
    for number in range(most):
        time.sleep(seconds)
        yield np.full(LARGE, number, np.uint8)


def returns(path):
    """Is no generator."""
    return [path]


def alarms(path):
    """Yields how many seconds are left until the process ends itself."""
    for _ in range(2):
        yield signal.getitimer(signal.ITIMER_REAL)[0]


def says(path, values):
    """Sends what its process would not: `values` before its own answer, or bytes that are none."""
    with socket.socket(fileno=os.dup(int(sys.argv[1]))) as line:
        for value in values:
            transmit(line, [value.encode()] if isinstance(value, str) else packed(value))
