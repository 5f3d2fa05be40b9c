"""Threads that wait for the processes of `kavc.media.decoders`, each for one of them."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator
from typing import Any

from kavc.errors import KavcError
from kavc.inputs.opening import Path
from kavc.media.child import Child

AHEAD = 2  # events of a process that wait until they are taken

Event = tuple[Any, str, Any]  # key; "item", "done" or "failed"; the item, None or the error
Job = tuple[Any, Path, tuple]  # key, path, further arguments of the function


class Readers:
    """Threads that hand on what processes yield, and wait where that isn't taken.

    Args:
        name: of a generator function, "module:function".
        seconds: that an item may take.

    Example:
        readers = Readers("module:function", 60)
        readers.add(child)
        readers.give("a", "a.mp4", ())
        key, word, value = readers.take()
        readers.stop()
    """

    def __init__(self, name: str, seconds: float):
        self._name, self._seconds = name, seconds
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        # Never full: a thread asks for room before it waits for its process.
        self._events: queue.SimpleQueue[tuple[threading.Semaphore, Event | BaseException]] = (
            queue.SimpleQueue()
        )
        self._threads: list[tuple[threading.Thread, Child, threading.Semaphore]] = []
        self._stopped = False

    def add(self, child: Child) -> None:
        """Starts a thread for a process."""
        room = threading.Semaphore(AHEAD)
        thread = threading.Thread(target=self._serve, args=(child, room), daemon=True)
        thread.start()
        self._threads.append((thread, child, room))

    def give(self, key: Any, path: Path, args: tuple) -> int:
        """Gives a file to whichever process is idle first; returns 1, the number of files."""
        self._jobs.put((key, path, args))
        return 1

    def take(self) -> Event:
        """Waits for the next event of any file."""
        room, event = self._events.get()
        room.release()
        if isinstance(event, BaseException):
            raise event
        return event

    def stop(self) -> None:
        """Ends the threads, and the processes that are in the midst of a file."""
        self._stopped = True
        for _, _, room in self._threads:
            self._jobs.put(None)
            room.release()
        for thread, child, _ in self._threads:
            while thread.is_alive():
                if child.busy:
                    child.kill()
                thread.join(0.1)  # then again: it may have been about to start its process

    def _serve(self, child: Child, room: threading.Semaphore) -> None:
        try:
            while job := self._jobs.get():
                with contextlib.closing(self._events_of(child, job)) as events:
                    word = "item"
                    while word == "item":
                        room.acquire()
                        if self._stopped:
                            return
                        event = next(events)
                        word = event[1]
                        self._events.put((room, event))
        except BaseException as fault:  # of this package, or no memory: the caller's to know
            self._events.put((room, fault))

    def _events_of(self, child: Child, job: Job) -> Generator[Event, None, None]:
        key, path, args = job
        answer = child.items(self._name, path, args, {}, seconds=self._seconds, many=True)
        try:
            with contextlib.closing(answer) as items:
                for item in items:
                    yield key, "item", item
        except KavcError as error:
            yield key, "failed", error
        else:
            yield key, "done", None
