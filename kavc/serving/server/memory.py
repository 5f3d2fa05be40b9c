"""The memory of a process that does nothing but serve."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import threading
import time
from typing import Any

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGEST_FROM_HEAP = 32 * 2**20  # the most that mallopt takes
KEPT = 256 * 2**20
LARGE = 2**20  # bytes of a message that leaves something behind
BLOCK = 2**17  # bytes, glibc's own threshold; what is smaller it keeps in lists
ARENAS = 4 * (os.cpu_count() or 1) + 8  # no fewer than glibc has by `M_ARENA_MAX` and before it
KEEPS = threading.Event()  # whether this process keeps freed memory
RESTED = 2.0  # seconds without a large message after which no further one is expected


def keep_freed_memory() -> None:
    """Makes large requests cheaper, at the price of memory that is kept; before threads start.

    By default glibc maps every block of some 100 kB anew and gives it back at once, and the system
    clears each page on first touch: for requests of megabytes that takes longer than to copy them.
    With an arena for each thread, every thread would besides keep memory of its own.

    Reference:
        The GNU C Library's `mallopt`.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = _libc().mallopt
        mallopt(M_MMAP_THRESHOLD, LARGEST_FROM_HEAP)
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_ARENA_MAX, os.cpu_count() or 1)
        KEEPS.set()


def set_environment() -> None:
    """Sets what TensorFlow and gRPC read when they begin; before either is imported."""
    # oneDNN's own allocator keeps as much as the largest requests ever took, for ever.
    os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")
    # gRPC's core would write a line for every caller that breaks its rules.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def spare_the_collector() -> None:
    """Makes Python's collector pass over all that is there now; once, when everything is loaded.

    It would walk all that was imported again and again, while requests wait.
    """
    gc.collect()
    gc.freeze()


def release_memory() -> None:
    """Gives back to the system what is free, after something large has ended."""
    gc.collect()  # graphs hold themselves in circles
    with contextlib.suppress(OSError, AttributeError):
        libc = _libc()
        libc.malloc_trim(0)
        if KEEPS.is_set():
            _trim_arenas(libc)


def _trim_arenas(libc: Any) -> None:
    """Has each arena of glibc give back its end, which `malloc_trim` leaves to all but the first.

    That happens where something is freed, by the threshold of then; and each new thread is given
    the next arena.
    """
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    libc.mallopt(M_TRIM_THRESHOLD, BLOCK)
    for _ in range(ARENAS):
        thread = threading.Thread(target=lambda: libc.free(libc.malloc(BLOCK)))
        thread.start()
        thread.join()
    libc.mallopt(M_TRIM_THRESHOLD, KEPT)


class FreedMemory:
    """Gives back what large messages leave behind, once they have ceased to come.

    Between two of them it would be cleared and mapped anew (see `keep_freed_memory`).
    """

    def __init__(self) -> None:
        self._last: float | None = None  # when a large message came, since memory was given back

    def note(self, size: int) -> None:
        """Takes note of a message of `size` bytes."""
        if size >= LARGE:
            self.note_unknown()

    def note_unknown(self) -> None:
        """Takes note of a message that did not come whole, and may have been large."""
        self._last = time.monotonic()

    def tidy(self) -> None:
        """Gives memory back if it is time to; to be called now and then."""
        if self._last is not None and time.monotonic() - self._last > RESTED:
            self._last = None
            release_memory()


def _libc() -> Any:
    """Returns glibc; raises OSError where there is none."""
    return ctypes.CDLL("libc.so.6")
