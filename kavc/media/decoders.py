"""Decoding in other processes: a codec that hangs or crashes takes nothing else with it.

They are fresh processes that import no more than this package's reader, never forks: neither what
TensorFlow holds nor the caller's script goes with them.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import queue
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from kavc.errors import ConfigError, DataError, KavcError
from kavc.inputs.opening import Path, named
from kavc.media.child import Child
from kavc.media.messages import loaded
from kavc.media.readers import Readers

SECONDS = 600.0  # for one file
MEMORY = 4 * 2**30  # bytes of address space of a process

Job = tuple[Hashable, Path, tuple]  # key, path, further args


@dataclass(frozen=True)
class Part:
    """An item that came of a file of `Decoders.stream`.

    Attributes:
        key: of the file.
        item: what was yielded.
    """

    key: Any
    item: Any


@dataclass(frozen=True)
class Done:
    """A file of `Decoders.stream` was read to its end.

    Attributes:
        key: of the file.
    """

    key: Any


@dataclass(frozen=True)
class Failed:
    """A file of `Decoders.stream` went wrong, perhaps after some of its items.

    Attributes:
        key: of the file.
        error: why.
    """

    key: Any
    error: KavcError


Event = Part | Done | Failed


class Decoders:
    """Child processes that each read one file at a time.

    One whose file takes too long, or crashes it, is ended; the next file gets a new one.

    Args:
        count: how many.
        seconds: that a file may take, or an item of a file of `stream`; 600 by default. The start
            of a process isn't counted.
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
        self._idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._children = [Child(memory) for _ in range(count)]
        for child in self._children:
            self._idle.put(child)

    def run(self, function: Callable[..., Any], path: Path, *args: Any, **options: Any) -> Any:
        """Calls `function(path, *args, **options)` in a process; waits for one, and for the result.

        Args:
            function: of a module, that takes a path first: `probe`, `read_sound`, `read_frames`.
            path: of the file.
            *args, **options: of the function; what they and its result may be, says
                `kavc.media.messages.packed`.

        Raises:
            DataError: it took too long, its process crashed or had too little memory, or its result
                can't be sent.
            ConfigError: the function is of a script, or has no name in its module; or the arguments
                can't be sent.
            KavcError: what the function raised.

        Example:
            with Decoders() as decoders:
                print(decoders.run(probe, "clip.mp4").duration)
        """
        name = _name(function)
        child = self._idle.get()
        try:
            answer = child.items(name, path, args, options, seconds=self._seconds, many=False)
            with contextlib.closing(answer) as items:
                found = list(itertools.islice(items, 2))
            if len(found) != 1:
                child.end()
                words = f"the process sent {len(found)} results"
                raise DataError(f"{named(path)}: {words}; it is left out")
            return found[0]
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

    def stream(
        self, function: Callable[..., Iterator[Any]], jobs: Iterable[Job]
    ) -> Iterator[Event]:
        """Yields what a function yields of many files, which are read side by side.

        A file's items come in their order, those of different files as they come. A process that is
        far ahead of the caller waits, which is not counted as its time.

        Args:
            function: a generator function of a module, that takes a path first; what it may yield,
                says `kavc.media.messages.packed`.
            jobs: (key, path, args) of each file: its name in what is yielded, and `args` a tuple,
                the function's further arguments. They are drawn when they are needed.

        Yields:
            `Part` for each item; then `Done`, or `Failed` where the file can't be read on. Whatever
            `run` raises for one file is such a failure.

        Raises:
            ConfigError: it is no generator function, or none of a module.

        The processes are taken until the iterator is at its end, or closed: `run` waits for that.

        Example:
            for event in decoders.stream(windows, [("a", "a.mp4", (Rate(1),))]):
                print(event.key, isinstance(event, Part))
        """
        name = _name(function)
        if not inspect.isgeneratorfunction(function):
            raise ConfigError(f"{name} is expected to be a generator function: one that yields")
        return self._events(name, iter(jobs))

    def _events(self, name: str, jobs: Iterator[Job]) -> Iterator[Event]:
        count = len(self._children)
        # Jobs are drawn here alone, in the caller's thread; one waits for the next idle process.
        first = list(itertools.islice(jobs, count + 1))
        with contextlib.ExitStack() as ends:
            readers = Readers(name, self._seconds)
            children = list(self._taken(min(count, len(first))))
            for child in children:
                ends.callback(self._idle.put, child)
            ends.callback(readers.stop)
            for child in children:
                readers.add(child)
            left = sum(readers.give(*job) for job in first)
            while left:
                key, word, value = readers.take()
                if word == "item":
                    yield Part(key, value)
                    continue
                left += sum(readers.give(*job) for job in itertools.islice(jobs, 1)) - 1
                yield Failed(key, value) if word == "failed" else Done(key)

    def _taken(self, most: int) -> Iterator[Child]:
        """Yields idle processes: one at least, if any are asked for, and more if they are idle."""
        with contextlib.suppress(queue.Empty):
            for number in range(most):
                yield self._idle.get(block=number == 0)

    def close(self) -> None:
        """Ends the processes."""
        for child in self._children:
            child.end()

    def __enter__(self) -> Decoders:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _name(function: Callable[..., Any]) -> str:
    """Returns the name by which a process loads a function, "module:function"."""
    module = getattr(function, "__module__", None)
    path = getattr(function, "__qualname__", repr(function))
    if module == "__main__":  # a process loads no script, which may load anything
        raise ConfigError(f"{path} must be a function of a module, not of a script")
    name = f"{module}:{path}"
    with contextlib.suppress(ImportError, AttributeError):
        if loaded(name) == function:
            return name
    raise ConfigError(
        f"{path} must be a function of a module, by its name there; a lambda, a function of a"
        " function or a method isn't"
    )
