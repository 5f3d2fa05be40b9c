"""One split's videos in memory, for access by row: pairs are made by index, not by zipping.

A sequence of pairs that is gathered from one store can't come out of step, whatever order or
parallelism the pipeline around it has.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from kavc import progress
from kavc.data.damage import data_errors
from kavc.data.pairing import distinct
from kavc.errors import DataError

READ_AT_ONCE = 256


class VideoStore:
    """The videos of one split by field, with a gather that works in graph mode.

    Args:
        ids: (videos,) bytes.
        sequences: name to (values, lengths): (sum of the lengths, ...), all videos' rows one after
            another, and (videos,) integers, the rows of each video. An array, or labels.
        columns: name to (videos, ...), what has one shape in all videos, as a theme.
        dropped: reason to number of videos that were left out.

    Attributes:
        ids, columns, dropped: as given, NumPy.
        lengths: name of a sequence to its lengths, (videos,) int32.

    Example:
        store = VideoStore.from_dataset(dataset, needed=("audio", "visual"))
        drawn = pairs(store.columns["theme"], seed=0, epoch=0)
        batch = store.gather({"audio": drawn.audio[:64], "visual": drawn.visual[:64]})
    """

    def __init__(
        self,
        ids: np.ndarray,
        sequences: Mapping[str, tuple[np.ndarray, np.ndarray]],
        columns: Mapping[str, np.ndarray] | None = None,
        *,
        dropped: Mapping[str, int] | None = None,
    ):
        self.ids = ids
        self.lengths = {
            name: np.asarray(lengths, np.int32) for name, (_, lengths) in sequences.items()
        }
        self.columns = {name: np.asarray(values) for name, values in (columns or {}).items()}
        self.dropped = dict(dropped or {})
        with tf.device("CPU:0"):  # a split may be larger than a GPU's memory
            self._columns = {name: tf.constant(values) for name, values in self.columns.items()}
            self._sequences = {
                name: _Sequences(values, self.lengths[name])
                for name, (values, _) in sequences.items()
            }

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        fields = ", ".join([*self.lengths, *self.columns])
        gone = [f"{count:,} {why}" for why, count in self.dropped.items() if count]
        dropped = f"; dropped {', '.join(gone)}" if gone else ""
        return f"{type(self).__name__}({len(self):,} videos: {fields}{dropped})"

    @classmethod
    def from_dataset(cls, dataset: tf.data.Dataset, needed: Sequence[str] = ()) -> VideoStore:
        """Reads a data set of videos once, into memory.

        Later videos of an id that came before are dropped, and so are videos of which a needed
        sequence has no rows.

        Args:
            dataset: unbatched dicts of "id", a string, and any fields; what has two axes or an
                axis that varies is a sequence, all else a column.
            needed: names of sequences.

        Returns:
            The store; `store.dropped` counts "duplicate", and "without NAME" of what is needed.

        Raises:
            DataError: no video is left, or a record is damaged or does not fit.

        Example:
            >>> one = {"id": b"a", "audio": [[1.0], [2.0]], "theme": 3}
            >>> store = VideoStore.from_dataset(tf.data.Dataset.from_tensors(one), needed=["audio"])
            >>> store.lengths["audio"].tolist(), store.columns["theme"].tolist(), store.dropped
            ([2], [3], {'duplicate': 0, 'without audio': 0})
        """
        ids, sequences, columns = _read(dataset)
        keep = np.zeros(len(ids), bool)
        keep[distinct(ids)] = True
        dropped = {"duplicate": int(np.sum(~keep))}
        for name in needed:
            there = sequences[name][1] > 0
            dropped[f"without {name}"] = int(np.sum(keep & ~there))
            keep &= there
        if not keep.any():
            raise DataError(f"none of the {len(ids)} videos can be used; left out: {dropped}")
        if not keep.all():
            sequences = {
                name: (values[np.repeat(keep, lengths)], lengths[keep])
                for name, (values, lengths) in sequences.items()
            }
            columns = {name: values[keep] for name, values in columns.items()}
        return cls(ids[keep], sequences, columns, dropped=dropped)

    def with_columns(self, columns: Mapping[str, np.ndarray]) -> VideoStore:
        """Returns the store with further columns; all else is shared with this one.

        Args:
            columns: name to (videos, ...).

        Example:
            >>> rows = np.array([[1.0], [2.0], [3.0]], np.float32)
            >>> store = VideoStore(np.array([b"a", b"b"]), {"audio": (rows, [2, 1])})
            >>> store = store.with_columns({"theme": np.array([5, 7])})
            >>> store.gather({"theme": tf.constant([1, 1])})["theme"].numpy().tolist()
            [7, 7]
        """
        store = copy.copy(self)
        store.columns = self.columns | {name: np.asarray(x) for name, x in columns.items()}
        with tf.device("CPU:0"):
            added = {name: tf.constant(store.columns[name]) for name in columns}
        store._columns = self._columns | added
        return store

    def with_sequences(self, sequences: Mapping[str, np.ndarray]) -> VideoStore:
        """Returns the store with other sequences of those names; all else is shared with this one.

        Args:
            sequences: name to (videos, steps, ...), as many steps in each video.

        Raises:
            ValueError: an array isn't of this store's videos.

        Example:
            >>> rows = np.array([[1.0], [2.0], [3.0]], np.float32)
            >>> store = VideoStore(np.array([b"a", b"b"]), {"audio": (rows, [2, 1])})
            >>> store.with_sequences({"audio": np.zeros((2, 10, 1))}).lengths["audio"].tolist()
            [10, 10]
        """
        store = copy.copy(self)
        store.lengths, store._sequences = dict(self.lengths), dict(self._sequences)
        for name, values in sequences.items():
            if values.ndim < 2 or len(values) != len(self):
                raise ValueError(f"{name!r} is {values.shape}; the store has {len(self)} videos")
            store.lengths[name] = np.full(len(self), values.shape[1], np.int32)
            with tf.device("CPU:0"):
                store._sequences[name] = _Sequences(
                    values.reshape(-1, *values.shape[2:]), store.lengths[name]
                )
        return store

    def gather(
        self, rows: Mapping[str, tf.Tensor], *, max_steps: Mapping[str, int | None] | None = None
    ) -> dict[str, tf.Tensor]:
        """Puts together a batch; to be used eagerly or inside `tf.data.Dataset.map`.

        Args:
            rows: name of a field to (batch,) integers, the videos that give it: of a pair, sound
                and pictures may be of two.
            max_steps: optional. Name of a sequence to the number of its first rows that are taken.

        Returns:
            Each field by its name: a column (batch, ...); a sequence (batch, steps, ...), padded
            with zeros to the batch's longest and at least one step, and beside it "NAME_length"
            (batch,) int32.

        Example:
            >>> rows = np.array([[1.0], [2.0], [3.0]], np.float32)
            >>> store = VideoStore(np.array([b"a", b"b"]), {"audio": (rows, [2, 1])})
            >>> batch = store.gather({"audio": tf.constant([1, 0])})
            >>> batch["audio"].numpy().squeeze(-1).tolist(), batch["audio_length"].numpy().tolist()
            ([[3.0, 0.0], [1.0, 2.0]], [1, 2])
        """
        batch = {}
        for name, chosen in rows.items():
            if name in self._columns:
                batch[name] = tf.gather(self._columns[name], chosen)
                continue
            most = (max_steps or {}).get(name)
            batch[name], batch[f"{name}_length"] = self._sequences[name].gather(chosen, most)
        return batch


class _Sequences:
    """Rows of unequal length, end to end, with one row of zeros after them that padding reads."""

    def __init__(self, values: np.ndarray, lengths: np.ndarray):
        self.lengths = tf.convert_to_tensor(lengths)
        self.common = int(lengths[0]) if len(lengths) and np.ptp(lengths) == 0 else 0
        if self.common:  # equal lengths are one gather of whole sequences
            shape = (len(lengths), self.common, *values.shape[1:])
            self.values = tf.convert_to_tensor(values.reshape(shape))
        else:
            zeros = np.zeros((1, *values.shape[1:]), values.dtype)
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


def _is_sequence(shape: tf.TensorShape) -> bool:
    return shape.rank > 1 or (shape.rank == 1 and shape[0] is None)


def _read(
    dataset: tf.data.Dataset,
) -> tuple[np.ndarray, dict[str, tuple[np.ndarray, np.ndarray]], dict[str, np.ndarray]]:
    """Returns ids, sequences as (values end to end, lengths), and columns, all of NumPy."""
    spec = dataset.element_spec
    varies = [name for name, of in spec.items() if _is_sequence(of.shape)]
    parts: dict[str, list] = {name: [] for name in spec}
    lengths: dict[str, list] = {name: [] for name in varies}
    with data_errors(), progress.counting("reading videos", "videos") as told:
        for batch in dataset.ragged_batch(READ_AT_ONCE).prefetch(1):
            told.advance(len(batch["id"]))
            for name, part in batch.items():
                if name not in lengths:
                    parts[name].append(part.numpy())
                elif isinstance(part, tf.RaggedTensor):
                    lengths[name].append(part.row_lengths().numpy())
                    parts[name].append(part.values.numpy())
                else:  # a fixed number of steps comes as one dense tensor
                    lengths[name].append(np.full(part.shape[0], part.shape[1]))
                    parts[name].append(part.numpy().reshape(-1, *part.shape[2:]))
    if not parts["id"]:
        raise DataError("the data set holds no videos")
    whole = {name: np.concatenate(values) for name, values in parts.items()}
    ids = whole.pop("id")
    sequences = {name: (whole.pop(name), np.concatenate(lengths[name])) for name in varies}
    return ids, sequences, whole
