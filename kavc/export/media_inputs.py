"""The kinds of what is sent in place of features: sound, frames as they are or as JPEG, motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.export.jpeg import decoded
from kavc.export.media_input import MediaInput, Tensors
from kavc.media.windows import Heard, Seen, window_of
from kavc.serving.input_checks import check_finite
from kavc.serving.lengths import LENGTH

MAX_SECONDS = 3600  # of a waveform
MAX_FRAMES = 4096
MAX_WINDOWS = 1024  # of fields of motion
SOUNDS = 64  # windows that go through an extractor at once
FRAMES = 32  # likewise, frames of windows


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


@dataclass(frozen=True)
class Fields(MediaInput):
    """Windows of motion, (batch, n, frames - 1, height, width, 2) float32: no graph finds flow."""

    @property
    def fields(self) -> dict[str, Field]:
        taken: Seen = self.taken
        shape, _ = window_of(taken)
        meaning = f"motion to the right and down, in pixels, found by {taken.flow}"
        return {
            self.name: Field((None, *shape), "float32", meaning),
            f"{self.name}{LENGTH}": Field((), "int32", "number of valid windows"),
        }

    def rows(self, given: Tensors) -> tuple[tf.Tensor, tf.Tensor]:
        counts = self._length(given, MAX_WINDOWS)

        def windows(which: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
            found = tf.gather_nd(given[self.name], tf.stack([which, row], axis=-1))
            check_finite(self.name, found)  # of what counts alone, and some at a time
            return found

        return self._through(windows, counts, max(1, FRAMES // self.taken.window)), counts

    def example(self, segments: int | None) -> dict[str, np.ndarray]:
        rows = 1 if segments is None else segments * self.rows_of_segments(segments)
        shape, _ = window_of(self.taken)
        return {
            self.name: np.zeros((1, rows, *shape), np.float32),
            f"{self.name}{LENGTH}": np.array([rows], np.int32),
        }


def _silent_beyond(wave: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.sequence_mask(length, tf.shape(wave)[1]), wave, 0.0)


def _mirrored(wave: tf.Tensor, length: tf.Tensor, lead: int) -> tf.Tensor:
    """Returns waveforms with `lead` samples more at both ends, mirrored at the outermost ones."""
    at = tf.abs(tf.range(-lead, tf.shape(wave)[1] + lead))[None]
    last = length[:, None] - 1
    at = tf.where(at > last, 2 * last - at, at)
    return tf.gather(wave, tf.clip_by_value(at, 0, tf.shape(wave)[1] - 1), batch_dims=1)
