"""What a process that serves does to its memory."""

from __future__ import annotations

import subprocess
import sys
import weakref

from kavc.serving.server import memory as module
from kavc.serving.server.memory import FreedMemory, release_memory


class Circle:
    def __init__(self):
        self.itself = self


def test_what_holds_itself_is_released():
    circle = weakref.ref(Circle())
    release_memory()
    assert circle() is None


def test_large_blocks_are_used_again():
    """In a process of its own: glibc's settings can't be taken back."""
    program = """
import resource
from kavc.serving.server.memory import keep_freed_memory, spare_the_collector
keep_freed_memory()
spare_the_collector()
bytes(4_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    bytearray(4_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    words = [sys.executable, "-c", program]
    faults = int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert faults < 2000  # anew each time would be 50 x 1000


def test_what_threads_freed_is_given_back():
    """Blocks that several threads freed lie in arenas, whose ends `malloc_trim` leaves alone."""
    program = """
import ctypes, threading
from pathlib import Path
from kavc.serving.server.memory import keep_freed_memory, release_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

def use():
    blocks = [ctypes.create_string_buffer(2**20) for _ in range(50)]
    for block in blocks:
        ctypes.memset(block, 1, 2**20)
    barrier.wait()

keep_freed_memory()
release_memory()
before = resident()
barrier = threading.Barrier(4)
threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
kept = resident() - before
release_memory()
print(kept, resident() - before)
"""
    words = [sys.executable, "-c", program]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    kept, left = map(float, told.split())
    assert kept > 50 and left < 20  # MiB, of 200


def test_memory_is_given_back_once_large_messages_have_ceased(monkeypatch):
    clock, released = [0.0], []
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(module, "release_memory", lambda: released.append(clock[0]))
    freed = FreedMemory()
    freed.note(module.LARGE - 1)
    clock[0] = 100.0
    freed.tidy()
    assert released == []
    freed.note(module.LARGE)
    freed.tidy()
    assert released == []
    clock[0] = 200.0
    freed.tidy()
    freed.tidy()
    assert released == [200.0]
