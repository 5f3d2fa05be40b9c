"""One split's videos in memory, for access by row: pairs are made by index, not by zipping.

A sequence of pairs that is gathered from one store can't come out of step, whatever order or
parallelism the pipeline around it has.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kavc.data.damage import data_errors
from kavc.data.pairing import distinct
from kavc.errors import ConfigError, DataError

READ_AT_ONCE = 256
SILENT = ("drop", "keep")


class VideoStore:
    """The videos of one split as columns, with a gather that works in graph mode.

    Args:
        ids: (videos,) bytes.
        themes: (videos,) int32.
        audio: (sum of audio lengths, audio_dim) float32. All videos' steps, one after another.
        audio_lengths: (videos,) integers. Steps of each video.
        visual: (sum of visual lengths, visual_dim) float32. All videos' frames.
        visual_lengths: (videos,) integers. Frames of each video.
        dropped: reason to number of videos that were left out.

    Attributes:
        ids, themes, audio_lengths, visual_lengths, dropped: as given, NumPy.

    Example:
        store = VideoStore.from_dataset(dataset)
        drawn = pairs(store.themes, seed=0, epoch=0)
        batch = store.gather(drawn.audio[:64], drawn.visual[:64])
    """

    def __init__(
        self,
        ids: np.ndarray,
        themes: np.ndarray,
        audio: np.ndarray,
        audio_lengths: np.ndarray,
        visual: np.ndarray,
        visual_lengths: np.ndarray,
        *,
        dropped: Mapping[str, int] | None = None,
    ):
        self.ids = ids
        self.themes = np.asarray(themes, np.int32)
        self.audio_lengths = np.asarray(audio_lengths, np.int32)
        self.visual_lengths = np.asarray(visual_lengths, np.int32)
        self.dropped = dict(dropped or {})
        with tf.device("CPU:0"):  # a split may be larger than a GPU's memory
            self._themes = tf.convert_to_tensor(self.themes)
            self._audio = _Sequences(audio, self.audio_lengths)
            self._visual = _Sequences(visual, self.visual_lengths)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_dataset(cls, dataset: tf.data.Dataset, silent: str = "drop") -> VideoStore:
        """Reads a data set of videos once, into memory.

        Later videos of an id that came before are dropped, and so are videos without frames.

        Args:
            dataset: unbatched dicts of "id", "audio" (steps, audio_dim), "visual"
                (frames, visual_dim) and "theme", as `kavc.data.schema.video_spec` describes.
            silent: "drop" leaves videos without audio out, as sound and as pictures; "keep"
                leaves them in, with length 0.

        Returns:
            The store; `store.dropped` counts "duplicate", "without audio", "without frames".

        Raises:
            ConfigError: unknown value of `silent`.
            DataError: no video is left, or a record is damaged or does not fit.
        """
        if silent not in SILENT:
            raise ConfigError(f"silent must be one of {SILENT}; got {silent!r}")
        columns = _read(dataset)
        ids, (audio, audio_lengths), (visual, visual_lengths) = (
            columns["id"],
            columns["audio"],
            columns["visual"],
        )
        first = np.zeros(len(ids), bool)
        first[distinct(ids)] = True
        heard = (audio_lengths > 0) | (silent == "keep")
        keep = first & heard & (visual_lengths > 0)
        dropped = {
            "duplicate": int(np.sum(~first)),
            "without audio": int(np.sum(first & ~heard)),
            "without frames": int(np.sum(first & heard & (visual_lengths == 0))),
        }
        if not keep.any():
            raise DataError(f"none of the {len(ids)} videos can be used; left out: {dropped}")
        if not keep.all():
            audio = audio[np.repeat(keep, audio_lengths)]
            visual = visual[np.repeat(keep, visual_lengths)]
        return cls(
            ids[keep],
            columns["theme"][keep],
            audio,
            audio_lengths[keep],
            visual,
            visual_lengths[keep],
            dropped=dropped,
        )

    def gather(
        self, audio_index: tf.Tensor, visual_index: tf.Tensor, *, max_steps: int | None = None
    ) -> dict[str, tf.Tensor]:
        """Puts together a batch of pairs; to be used eagerly or inside `tf.data.Dataset.map`.

        Args:
            audio_index: (batch,) integers. Row of the video that gives the sound.
            visual_index: (batch,) integers. Row of the video that gives the pictures.
            max_steps: optional. Audio is cropped to its first so many steps.

        Returns:
            "audio" (batch, steps, audio_dim) float32 and "visual" (batch, frames, visual_dim)
            float32, padded with zeros to the batch's longest and at least one step;
            "audio_length", "visual_length" and "theme", that of the visual, each (batch,) int32.
        """
        audio, audio_length = self._audio.gather(audio_index, max_steps)
        visual, visual_length = self._visual.gather(visual_index)
        return {
            "audio": audio,
            "audio_length": audio_length,
            "visual": visual,
            "visual_length": visual_length,
            "theme": tf.gather(self._themes, visual_index),
        }


class _Sequences:
    """Rows of unequal length, end to end, with one row of zeros after them that padding reads."""

    def __init__(self, values: np.ndarray, lengths: np.ndarray):
        self.dim = values.shape[1]
        self.lengths = tf.convert_to_tensor(lengths)
        self.common = int(lengths[0]) if len(lengths) and np.ptp(lengths) == 0 else 0
        if self.common:  # equal lengths are one gather of whole sequences
            self.values = tf.convert_to_tensor(values.reshape(-1, self.common, self.dim))
        else:
            zeros = np.zeros((1, self.dim), np.float32)
            self.values = tf.convert_to_tensor(np.concatenate([values, zeros]))
            self.starts = tf.convert_to_tensor(np.cumsum(lengths, dtype=np.int64) - lengths)
            self.zeros_at = len(values)

    def gather(self, rows: tf.Tensor, max_steps: int | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        lengths = tf.gather(self.lengths, rows)
        if max_steps is not None:
            lengths = tf.minimum(lengths, max_steps)
        if self.common:
            return tf.gather(self.values, rows)[:, :max_steps], lengths
        step = tf.range(tf.maximum(tf.reduce_max(lengths), 1))
        where = tf.gather(self.starts, rows)[:, None] + tf.cast(step, tf.int64)
        where = tf.where(step < lengths[:, None], where, tf.cast(self.zeros_at, tf.int64))
        return tf.gather(self.values, where), lengths


def _read(dataset: tf.data.Dataset) -> dict:
    """Returns columns as NumPy; sequences as (values end to end, lengths)."""
    parts: dict[str, list] = {"id": [], "theme": [], "audio": [], "visual": []}
    lengths: dict[str, list] = {"audio": [], "visual": []}
    with data_errors():
        for batch in dataset.ragged_batch(READ_AT_ONCE).prefetch(1):
            for name in ("id", "theme"):
                parts[name].append(batch[name].numpy())
            for name in ("audio", "visual"):
                part = batch[name]
                if isinstance(part, tf.RaggedTensor):
                    lengths[name].append(part.row_lengths().numpy())
                    parts[name].append(part.values.numpy())
                else:  # a fixed number of steps comes as one dense tensor
                    lengths[name].append(np.full(part.shape[0], part.shape[1]))
                    parts[name].append(part.numpy().reshape(-1, part.shape[2]))
    if not parts["id"]:
        raise DataError("the data set holds no videos")
    columns = {name: np.concatenate(parts.pop(name)) for name in list(parts)}
    for name in lengths:
        columns[name] = (columns[name], np.concatenate(lengths[name]))
    return columns
