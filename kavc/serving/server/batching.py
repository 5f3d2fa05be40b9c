"""Requests that come at the same time, run as one batch, by the rules of TensorFlow Serving.

A batch is closed when it is full or has waited long enough, and run when a thread is free. Unlike
there, one request that the graph refuses does not spoil the others of its batch, and requests of
different lengths that must not be padded, or only with too many bytes, wait in different batches
instead of being refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from kavc.errors import ServingError
from kavc.serving.configs import BatchingConfig
from kavc.serving.server.graph import ServedGraph
from kavc.serving.server.padding import MOST_ADDED, Extent, fill_up, join

Arrays = Mapping[str, np.ndarray]


@dataclass(eq=False)
class Task:
    """One request in a batch."""

    inputs: Arrays
    rows: int
    answer: Future[dict[str, np.ndarray]] = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.extents = {name: Extent.of(array) for name, array in self.inputs.items()}


@dataclass(eq=False)
class Batch:
    """Requests that are run together; `due` is when it waits no longer, on the monotonic clock."""

    graph: ServedGraph
    signature: str
    due: float
    tasks: list[Task] = field(default_factory=list)
    rows: int = 0
    extents: dict[str, Extent] = field(default_factory=dict)

    def takes(self, task: Task, most_rows: int) -> bool:
        """Returns whether there is room for a task that has the same inputs."""
        added = sum(extent.added for extent in self._beside(task).values())
        return self.rows + task.rows <= most_rows and added <= MOST_ADDED

    def add(self, task: Task) -> None:
        """Puts a task behind the others."""
        self.extents = self._beside(task)
        self.tasks.append(task)
        self.rows += task.rows

    def _beside(self, task: Task) -> dict[str, Extent]:
        if not self.tasks:
            return task.extents
        return {name: each.beside(task.extents[name]) for name, each in self.extents.items()}


class BatchScheduler:
    """Calls graphs with batches made of what several threads ask.

    Each version of a model has its own, so that one whose calls never end holds up no other.

    Args:
        config: sizes, waiting time, threads.

    Example:
        scheduler = BatchScheduler(BatchingConfig(max_batch_size=64, batch_timeout_micros=2000))
        outputs = scheduler(graph, "serving_default", inputs)  # from many threads

    Reference:
        TensorFlow, `core/kernels/batching_util/basic_batch_scheduler.h`; TensorFlow Serving,
        `batching/README.md`.
    """

    def __init__(self, config: BatchingConfig):
        self.config = config
        self._open: dict[tuple, Batch] = {}
        self._queue: list[Batch] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"kavc-batch-{number}", daemon=True)
            for number in range(config.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def __call__(self, graph: ServedGraph, signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
        """Returns what the graph says to these inputs, run with others' if there are any.

        Raises:
            ServingError: INVALID_ARGUMENT for more rows than a batch may hold, or for inputs of
                different numbers of rows; UNAVAILABLE if too many batches wait;
                FAILED_PRECONDITION if an output has not one row for each of the inputs.
            tf.errors.OpError: the graph refuses the values.
        """
        if not inputs or any(array.ndim == 0 for array in inputs.values()):  # no rows to join
            return graph(signature, inputs)
        task = Task(inputs, self._rows(inputs))
        if task.rows == 0:
            return graph(signature, inputs)
        self._enqueue(graph, signature, task)
        return task.answer.result()

    def stop(self, seconds: float = float("inf")) -> bool:
        """Runs what waits, then ends the threads.

        Args:
            seconds: to wait for that, at most.

        Returns:
            Whether they have ended; else one hangs in a call.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(min(max(0.0, end - time.monotonic()), threading.TIMEOUT_MAX))
        return not any(thread.is_alive() for thread in self._threads)

    def _rows(self, inputs: Arrays) -> int:
        sizes = {len(array) for array in inputs.values()}
        if len(sizes) > 1:
            told = ", ".join(f"{name!r} {len(array)}" for name, array in inputs.items())
            raise ServingError(
                f"inputs must have the same number of rows; got {told}", "INVALID_ARGUMENT"
            )
        (rows,) = sizes
        if rows > self.config.max_batch_size:
            raise ServingError(
                f"{rows} rows are more than a batch may hold, {self.config.max_batch_size}",
                "INVALID_ARGUMENT",
            )
        return rows

    def _enqueue(self, graph: ServedGraph, signature: str, task: Task) -> None:
        key = (id(graph), signature, self._shapes(task.inputs))
        with self._changed:
            batch = self._open.get(key)
            if batch is None or not batch.takes(task, self.config.max_batch_size):
                if self._stopping or len(self._queue) >= self.config.max_enqueued_batches:
                    raise ServingError(
                        "The batch scheduling queue to which this task was submitted is full",
                        "UNAVAILABLE",
                    )
                due = time.monotonic() + self.config.batch_timeout_micros / 1e6
                batch = Batch(graph, signature, due)
                self._queue.append(batch)
                self._open[key] = batch
            batch.add(task)
            self._changed.notify()

    def _shapes(self, inputs: Arrays) -> tuple:
        """Returns what two requests must have in common to share a batch."""
        padded = self.config.pad_variable_length_inputs
        return tuple(
            (name, array.ndim if padded else array.shape[1:])
            for name, array in sorted(inputs.items())
        )

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            try:
                self._run(batch)
            except BaseException as error:  # whatever it was, nobody may wait for ever
                for task in batch.tasks:
                    if not task.answer.done():
                        task.answer.set_exception(error)

    def _take(self) -> Batch | None:
        """Waits for a batch that is full or due, and closes it; None when all is done."""
        with self._changed:
            while True:
                now = time.monotonic()
                for batch in self._queue:
                    full = batch.rows >= self.config.max_batch_size
                    if full or self._stopping or batch.due <= now:
                        self._queue.remove(batch)
                        self._open = {k: b for k, b in self._open.items() if b is not batch}
                        return batch
                if self._stopping:
                    return None
                nearest = min((batch.due for batch in self._queue), default=None)
                longest = threading.TIMEOUT_MAX
                self._changed.wait(None if nearest is None else min(nearest - now, longest))

    def _run(self, batch: Batch) -> None:
        tasks = batch.tasks
        if len(tasks) == 1 and not self.config.allowed_batch_sizes:
            tasks[0].answer.set_result(batch.graph(batch.signature, tasks[0].inputs))
            return
        try:
            answers = self._together(batch)
        except tf.errors.InvalidArgumentError:
            if len(tasks) == 1:
                raise
            for task in tasks:  # one of them is to blame; the others get their answers
                try:
                    task.answer.set_result(batch.graph(batch.signature, task.inputs))
                except tf.errors.InvalidArgumentError as error:
                    task.answer.set_exception(error)
            return
        for task, answer in zip(tasks, answers, strict=True):
            task.answer.set_result(answer)

    def _together(self, batch: Batch) -> list[dict[str, np.ndarray]]:
        tasks = batch.tasks
        allowed = next((n for n in self.config.allowed_batch_sizes if n >= batch.rows), batch.rows)
        inputs = {name: join([task.inputs[name] for task in tasks]) for name in tasks[0].inputs}
        inputs = fill_up(inputs, allowed)
        rows = len(next(iter(inputs.values())))
        outputs = batch.graph(batch.signature, inputs)
        for name, array in outputs.items():
            if array.ndim == 0 or len(array) != rows:
                raise ServingError(
                    f"output {name!r} has the shape {array.shape} for {rows} rows; a signature "
                    "without a row for each of its inputs can't be batched",
                    "FAILED_PRECONDITION",
                )
        ends = np.cumsum([task.rows for task in tasks])
        return [
            {name: array[end - task.rows : end] for name, array in outputs.items()}
            for task, end in zip(tasks, ends, strict=True)
        ]
