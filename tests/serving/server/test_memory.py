"""What a process that serves does to its memory."""

from __future__ import annotations

import subprocess
import sys
import weakref

from kavc.serving.server.memory import release_memory


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
