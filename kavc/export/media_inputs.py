"""What is sent in place of an array of features, and its rows in graph.

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
from kavc.export.jpeg import decoded
from kavc.media.extractors.base import Extractor
from kavc.media.windows import Heard, Seen
from kavc.serving.input_checks import check_finite, check_range

MAX_SECONDS = 3600  # of a waveform
MAX_FRAMES = 4096
LENGTH = "_length"
SOUNDS = 64  # windows that go through an extractor at once
FRAMES = 32  # likewise, frames of windows
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


@dataclass(frozen=True)
class Waveform(MediaInput):
    """Sound, (batch, samples) float32."""

    @property
    def fields(self) -> dict[str, Field]:
        rate = self.taken.rate
        return {
            self.name: Field((None,), "float32", f"sound, mono, {rate} samples a second, -1 to 1"),
            f"{self.name}{LENGTH}": Field((), "int32", "number of valid samples"),
        }

    def rows(self, given: Tensors) -> tuple[tf.Tensor, tf.Tensor]:
        taken: Heard = self.taken
        length = self._length(given, MAX_SECONDS * taken.rate)
        wave = _silent_beyond(given[self.name], length)
        check_finite(self.name, wave)
        if taken.lead:
            tf.debugging.Assert(
                tf.reduce_all(length > taken.lead),
                [f"{self.name}: expected more than {taken.lead} samples; got", length],
            )
            wave = _mirrored(wave, length, taken.lead)
            length += 2 * taken.lead
            wave = _silent_beyond(wave, length)
        counts = self._counts(length, "samples")
        wave = tf.pad(wave, [[0, 0], [0, taken.window + taken.hop]])  # for the last row, if short
        size = tf.shape(wave, tf.int64)[1]
        flat = tf.reshape(wave, [-1])

        def windows(which: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
            # In 64 bits: a batch of long sounds has more samples than 32 can count.
            starts = tf.cast(which, tf.int64) * size + tf.cast(row, tf.int64) * taken.hop
            return tf.gather(flat, starts[:, None] + tf.range(taken.window, dtype=tf.int64))

        return self._through(windows, counts, SOUNDS), counts

    def example(self, segments: int | None) -> dict[str, np.ndarray]:
        samples = self._least(segments)
        return {
            self.name: np.zeros((1, samples), np.float32),
            f"{self.name}{LENGTH}": np.array([samples], np.int32),
        }


@dataclass(frozen=True)
class Frames(MediaInput):
    """Frames as they are, (batch, n, height, width, 3) uint8."""

    @property
    def fields(self) -> dict[str, Field]:
        height, width = self.taken.size.shape
        return {
            self.name: Field((None, height, width, 3), "uint8", "frames, RGB, upright"),
            f"{self.name}{LENGTH}": Field((), "int32", "number of valid frames"),
        }

    def rows(self, given: Tensors) -> tuple[tf.Tensor, tf.Tensor]:
        taken: Seen = self.taken
        length = self._length(given, MAX_FRAMES)
        counts = self._counts(length, "frames")

        def windows(which: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
            at = row[:, None] * taken.hop + tf.range(taken.window)
            # Beyond the length the last frame goes on, as in a corpus where a window is filled up.
            at = tf.minimum(at, tf.gather(length, which)[:, None] - 1)
            pairs = tf.stack([tf.broadcast_to(which[:, None], tf.shape(at)), at], axis=-1)
            frames = self._images(tf.gather_nd(given[self.name], tf.reshape(pairs, (-1, 2))))
            return tf.reshape(frames, (-1, taken.window, *taken.size.shape, 3))

        return self._through(windows, counts, max(1, FRAMES // taken.window)), counts

    def example(self, segments: int | None) -> dict[str, np.ndarray]:
        count = self._least(segments)
        return {
            self.name: np.zeros((1, count, *self.taken.size.shape, 3), np.uint8),
            f"{self.name}{LENGTH}": np.array([count], np.int32),
        }

    def _images(self, frames: tf.Tensor) -> tf.Tensor:
        """Returns some of what was sent as images, (n, height, width, 3) uint8."""
        return frames


@dataclass(frozen=True)
class Jpegs(Frames):
    """Frames as JPEG files of any size, (batch, n) string; see `kavc.export.jpeg`."""

    @property
    def fields(self) -> dict[str, Field]:
        return {
            self.name: Field((None,), "string", 'frames as JPEG files, upright; "" beyond'),
            f"{self.name}{LENGTH}": Field((), "int32", "number of valid frames"),
        }

    def example(self, segments: int | None) -> dict[str, np.ndarray]:
        black = tf.io.encode_jpeg(tf.zeros((*self.taken.size.shape, 3), tf.uint8)).numpy()
        count = self._least(segments)
        return {
            self.name: np.array([[black] * count], object),
            f"{self.name}{LENGTH}": np.array([count], np.int32),
        }

    def _images(self, frames: tf.Tensor) -> tf.Tensor:
        size = self.taken.size
        return tf.map_fn(
            lambda file: decoded(self.name, file, size),
            frames,
            fn_output_signature=tf.TensorSpec((*size.shape, 3), tf.uint8),
            parallel_iterations=2,  # each may be large, until it is scaled
        )


def _silent_beyond(wave: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.sequence_mask(length, tf.shape(wave)[1]), wave, 0.0)


def _mirrored(wave: tf.Tensor, length: tf.Tensor, lead: int) -> tf.Tensor:
    """Returns waveforms with `lead` samples more at both ends, mirrored at the outermost ones."""
    at = tf.abs(tf.range(-lead, tf.shape(wave)[1] + lead))[None]
    last = length[:, None] - 1
    at = tf.where(at > last, 2 * last - at, at)
    return tf.gather(wave, tf.clip_by_value(at, 0, tf.shape(wave)[1] - 1), batch_dims=1)
