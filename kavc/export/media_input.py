"""What is sent in place of an array of features, and its rows in graph: what all kinds share.

Nothing that is sent decides how much memory a request takes at once: windows are made, and go
through the extractor, some at a time. Assertions may run after what they guard, so that lengths are
held within what was sent, whatever they say.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.media.extractors.base import Extractor
from kavc.serving.input_checks import check_range
from kavc.serving.lengths import LENGTH

Tensors = Mapping[str, tf.Tensor]


@dataclass(frozen=True)
class MediaInput(abc.ABC):
    """What is sent in place of an array of features.

    Args:
        array: name of the array.
        name: of what is sent.
        extractor: makes the array's rows of it.
    """

    array: str
    name: str
    extractor: Extractor

    @property
    def taken(self) -> Any:
        return self.extractor.recipe.taken()

    @property
    @abc.abstractmethod
    def fields(self) -> dict[str, Field]:
        """What a signature takes: by name, without the batch axis."""

    @abc.abstractmethod
    def rows(self, given: Tensors) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns (batch, rows, *shape) float32, zeros beyond how many there are, (batch,) int32.

        They are those of `Extractor.extract`, but for what JPEG loses.
        """

    @abc.abstractmethod
    def example(self, segments: int | None) -> dict[str, np.ndarray]:
        """Returns a request, of so many segments; None for one row."""

    def rows_of_segments(self, segments: int) -> int:
        """Returns how many rows a segment has, which is a second where times follow each other."""
        step = self.extractor.recipe.step
        if step is not None:
            return max(1, round(1 / step))
        count = getattr(self.taken.moments, "count", segments) // self.taken.hop
        return max(1, count // segments)

    def _least(self, segments: int | None) -> int:
        """Returns how many samples or frames make the rows of an example."""
        rows = 1 if segments is None else segments * self.rows_of_segments(segments)
        return self.taken.window + (rows - 1) * self.taken.hop

    def _length(self, given: Tensors, most: int) -> tf.Tensor:
        """Returns the lengths, of which none is beyond what was sent."""
        length, size = given[f"{self.name}{LENGTH}"], tf.shape(given[self.name])[1]
        tf.debugging.Assert(size <= most, [f"{self.name}: expected at most {most}; got", size])
        check_range(f"{self.name}{LENGTH}", length, 1, size)
        return tf.clip_by_value(length, 0, size)

    def _counts(self, length: tf.Tensor, what: str) -> tf.Tensor:
        """Returns how many rows so many samples or frames make."""
        taken = self.taken
        over = length - taken.window
        if taken.short == "pad":
            # As `kavc.media.windows` has it: what isn't there at all makes no row.
            more = tf.minimum(-(-over // taken.hop), -(-length // taken.hop) - 1)
            counts = tf.maximum(more, 0) + 1
        else:
            counts = tf.maximum(over // taken.hop + 1, 0)
        tf.debugging.Assert(
            tf.reduce_all(counts > 0),
            [f"{self.name}: expected at least {taken.window} {what} for a row; got", length],
        )
        return counts

    def _through(
        self, windows: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], counts: tf.Tensor, at_once: int
    ) -> tf.Tensor:
        """Returns the rows of windows, (batch, rows, *shape), made some at a time.

        Args:
            windows: of (windows,) int32 each: which of the batch, and at which row; returns what
                `Extractor.rows` takes.
            counts: (batch,) int32.
            at_once: windows.
        """
        shape = self.extractor.shape
        which = tf.where(tf.sequence_mask(counts))  # (windows, 2) int64
        total = tf.shape(which)[0]

        def step(at: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            these = tf.cast(which[at * at_once : (at + 1) * at_once], tf.int32)
            rows = self.extractor.rows(windows(these[:, 0], these[:, 1]))
            return at + 1, found.write(at, rows)

        times = -(-total // at_once)
        array = tf.TensorArray(
            tf.float32, times, element_shape=(None, *shape), infer_shape=False, name=self.array
        )
        _, array = tf.while_loop(
            lambda at, _: at < times, step, (tf.constant(0), array), parallel_iterations=1
        )
        flat = tf.ensure_shape(array.concat(), (None, *shape))
        whole = (tf.shape(counts)[0], tf.reduce_max(counts), *shape)
        return tf.scatter_nd(which, flat, tf.cast(tf.stack(whole), tf.int64))
