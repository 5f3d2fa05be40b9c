"""The memory of a process that does nothing but serve."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
from typing import Any

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGEST_FROM_HEAP = 32 * 2**20  # the most that mallopt takes
KEPT = 256 * 2**20


def keep_freed_memory() -> None:
    """Makes large requests cheaper, at the price of memory that is kept; before threads start.

    By default glibc maps every block of some 100 kB anew and gives it back at once, and the system
    clears each page on first touch: for requests of megabytes that takes longer than to copy them.
    With an arena for each thread, every thread would besides keep memory of its own.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = _libc().mallopt
        mallopt(M_MMAP_THRESHOLD, LARGEST_FROM_HEAP)
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_ARENA_MAX, os.cpu_count() or 1)


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
        _libc().malloc_trim(0)


def _libc() -> Any:
    """Returns glibc; raises OSError where there is none."""
    return ctypes.CDLL("libc.so.6")
