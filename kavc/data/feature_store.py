"""One split's videos as one vector a modality, in memory, for access by row."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import scipy.sparse
import tensorflow as tf

from kavc import progress
from kavc.data.damage import data_errors
from kavc.data.pairing import distinct
from kavc.errors import ConfigError, DataError

READ_AT_ONCE = 1024
SILENT = ("keep", "drop")


class FeatureStore:
    """The videos of one split: an audio vector, a visual vector and labels each.

    Args:
        ids: (videos,) bytes.
        audio: (videos, audio_dim) float32.
        visual: (videos, visual_dim) float32.
        label_values: (sum of the lengths,) int32. All videos' labels, one after another.
        label_splits: (videos + 1,) int64. Video i has those from `label_splits[i]` on.
        silent: (videos,) bool: the audio says that there is none.
        dropped: reason to number of videos that were left out.

    Reference:
        Surís et al., 2018, section 3, of one vector a modality.

    Example:
        store = FeatureStore.from_dataset(dataset)
        labels = store.label_matrix(3862)
    """

    def __init__(
        self,
        ids: np.ndarray,
        audio: np.ndarray,
        visual: np.ndarray,
        label_values: np.ndarray,
        label_splits: np.ndarray,
        silent: np.ndarray,
        *,
        dropped: Mapping[str, int] | None = None,
    ):
        self.ids = ids
        self.audio = np.asarray(audio, np.float32)
        self.visual = np.asarray(visual, np.float32)
        self.label_values = np.asarray(label_values, np.int32)
        self.label_splits = np.asarray(label_splits, np.int64)
        self.silent = np.asarray(silent, bool)
        self.dropped = dict(dropped or {})

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_dataset(cls, dataset: tf.data.Dataset, silent: str = "keep") -> FeatureStore:
        """Reads a data set of videos once, into memory.

        Later videos of an id that came before are dropped.

        Args:
            dataset: unbatched dicts of "id", "labels" (any,), "audio" (audio_dim,), "visual"
                (visual_dim,) and "silent" () bool.
            silent: "keep" or "drop" the silent videos.

        Raises:
            ConfigError: unknown value of `silent`.
            DataError: no video is left, or a record is damaged or does not fit.
        """
        if silent not in SILENT:
            raise ConfigError(f"silent must be one of {SILENT}; got {silent!r}")
        store = _read(dataset)
        first = np.zeros(len(store), bool)
        first[distinct(store.ids)] = True
        muted = first & store.silent & (silent == "drop")
        kept = store.select(np.flatnonzero(first & ~muted))
        kept.dropped = {"duplicate": int(np.sum(~first)), "silent": int(np.sum(muted))}
        if not len(kept):
            raise DataError(f"none of the {len(store)} videos can be used; left out {kept.dropped}")
        return kept

    def select(self, rows: np.ndarray) -> FeatureStore:
        """Returns the store of some rows, in their order.

        Args:
            rows: (n,) integers.

        Example:
            >>> ids, features, labels = np.array([b"a", b"b"]), np.eye(2), [0, 2, 1]
            >>> store = FeatureStore(ids, features, features, labels, [0, 2, 3], [False, False])
            >>> store.select(np.array([1])).label_values.tolist()
            [1]
        """
        lengths = np.diff(self.label_splits)[rows]
        splits = np.concatenate([[0], np.cumsum(lengths)])
        within = np.arange(splits[-1]) - np.repeat(splits[:-1], lengths)
        values = self.label_values[np.repeat(self.label_splits[:-1][rows], lengths) + within]
        return FeatureStore(
            self.ids[rows],
            self.audio[rows],
            self.visual[rows],
            values,
            splits,
            self.silent[rows],
            dropped=self.dropped,
        )

    def gather(self, audio_rows: tf.Tensor, visual_rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """Puts together a batch of pairs; to be used eagerly or inside `tf.data.Dataset.map`.

        Args:
            audio_rows: (batch,) integers. Row of the video that gives the sound.
            visual_rows: (batch,) integers. Row of the video that gives the picture.

        Returns:
            "audio" (batch, audio_dim) and "visual" (batch, visual_dim) float32.

        Example:
            >>> ids, features, labels = np.array([b"a", b"b"]), np.eye(2), [0, 2, 1]
            >>> store = FeatureStore(ids, features, features, labels, [0, 2, 3], [False, False])
            >>> batch = store.gather([0, 0], [0, 1])  # a pair, and a mismatched one
            >>> batch["audio"].numpy().tolist(), batch["visual"].numpy().tolist()
            ([[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]])
        """
        audio, visual, *_ = self._tensors
        return {"audio": tf.gather(audio, audio_rows), "visual": tf.gather(visual, visual_rows)}

    def gather_labels(self, rows: tf.Tensor, classes: int) -> tf.Tensor:
        """Returns the labels of some rows as (batch, classes) float32 of 0 and 1, as `gather`.

        Args:
            rows: (batch,) integers.
            classes: number of columns; labels beyond are left out, as a system that learns only
                the most frequent ones wants. Readers refuse labels that no class has.

        Example:
            >>> ids, features, labels = np.array([b"a", b"b"]), np.eye(2), [0, 2, 1]
            >>> store = FeatureStore(ids, features, features, labels, [0, 2, 3], [False, False])
            >>> store.gather_labels(tf.constant([1, 0]), 2).numpy().tolist()  # without label 2
            [[0.0, 1.0], [1.0, 0.0]]
        """
        *_, labels = self._tensors
        chosen = tf.gather(labels, rows)
        where = tf.stack([chosen.value_rowids(), tf.cast(chosen.values, tf.int64)], axis=1)
        where = tf.boolean_mask(where, chosen.values < classes)
        shape = [tf.size(rows, tf.int64), classes]
        hot = tf.scatter_nd(where, tf.ones(tf.shape(where)[:1]), shape)
        return tf.ensure_shape(tf.minimum(hot, 1.0), (rows.shape[0], classes))

    @cached_property
    def _tensors(self) -> tuple:
        # Outside of whatever graph asks first; on the CPU, for a split may exceed a GPU's memory.
        with tf.init_scope(), tf.device("CPU:0"):
            labels = tf.RaggedTensor.from_row_splits(self.label_values, self.label_splits)
            return tf.constant(self.audio), tf.constant(self.visual), labels

    def label_matrix(self, classes: int) -> scipy.sparse.csr_matrix:
        """Returns the labels as (videos, classes) bool, sparse.

        Args:
            classes: number of columns; labels beyond are left out, as by `gather_labels`.

        Example:
            >>> ids, features, labels = np.array([b"a", b"b"]), np.eye(2), [0, 2, 1]
            >>> store = FeatureStore(ids, features, features, labels, [0, 2, 3], [False, False])
            >>> store.label_matrix(3).toarray().astype(int).tolist()
            [[1, 0, 1], [0, 1, 0]]
        """
        known = self.label_values < classes
        kept_before = np.concatenate([[0], np.cumsum(known)])
        columns = self.label_values[known]
        matrix = scipy.sparse.csr_matrix(
            (np.ones(len(columns), bool), columns, kept_before[self.label_splits]),
            shape=(len(self), classes),
        )
        matrix.sum_duplicates()
        return matrix


def _read(dataset: tf.data.Dataset) -> FeatureStore:
    parts: dict[str, list] = {
        name: [] for name in ("id", "audio", "visual", "silent", "labels", "lengths")
    }
    with data_errors(), progress.counting("reading videos", "videos") as told:
        for batch in dataset.ragged_batch(READ_AT_ONCE).prefetch(1):
            told.advance(len(batch["id"]))
            for name in ("id", "audio", "visual", "silent"):
                parts[name].append(batch[name].numpy())
            parts["labels"].append(batch["labels"].values.numpy())
            parts["lengths"].append(batch["labels"].row_lengths().numpy())
    if not parts["id"]:
        raise DataError("the data set holds no videos")
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    splits = np.concatenate([[0], np.cumsum(columns["lengths"])])
    return FeatureStore(
        columns["id"],
        columns["audio"],
        columns["visual"],
        columns["labels"],
        splits,
        columns["silent"],
    )
