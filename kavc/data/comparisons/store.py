"""One split's judgements in memory, in which each video and each track is once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from kavc import progress
from kavc.data.comparisons.reader import A, B
from kavc.data.damage import data_errors
from kavc.data.store import VideoStore
from kavc.errors import DataError

READ_AT_ONCE = 64


class ComparisonStore:
    """Judgements by row, with a gather that works in graph mode.

    Args:
        ids, rater: (n,) bytes.
        answer: (n,) int32. 0 where a is preferred, 1 where b is.
        video: (n,) int64 rows of `videos`.
        a, b: (n,) int64 rows of `tracks`.
        videos, tracks: their arrays, as sequences.
        dropped: reason to number of judgements that were left out.

    Example:
        store = ComparisonStore.from_dataset(dataset, ["visual", "flow"], ["audio"])
        batch = store.gather(tf.range(64))
        batch["visual"], batch["audio_a"], batch["audio_b_length"], store.answer[:64]
    """

    def __init__(
        self,
        ids: np.ndarray,
        rater: np.ndarray,
        answer: np.ndarray,
        video: np.ndarray,
        a: np.ndarray,
        b: np.ndarray,
        videos: VideoStore,
        tracks: VideoStore,
        *,
        dropped: Mapping[str, int] | None = None,
    ):
        self.ids, self.rater = ids, rater
        self.answer = np.asarray(answer, np.int32)
        self.video, self.a, self.b = (np.asarray(rows, np.int64) for rows in (video, a, b))
        self.videos, self.tracks = videos, tracks
        self.dropped = dict(dropped or {})
        with tf.device("CPU:0"):
            self._rows = tuple(tf.constant(rows) for rows in (self.video, self.a, self.b))

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_dataset(
        cls, dataset: tf.data.Dataset, visual: Sequence[str], tracks: Sequence[str]
    ) -> ComparisonStore:
        """Reads a data set of judgements once, into memory.

        Args:
            dataset: as `kavc.data.comparisons.reader.ComparisonReader` gives it.
            visual: names of the arrays of the videos.
            tracks: names of the arrays of the tracks, without "_a" and "_b".

        Returns:
            The store; `store.dropped` counts "duplicate", judgements whose id came before.

        Raises:
            DataError: there is no judgement, or a record is damaged or does not fit.
        """
        judged: dict[str, list[np.ndarray]] = {name: [] for name in ("ids", "rater", "answer")}
        places: list[np.ndarray] = []
        videos, heard = _Once(visual), _Once(tracks)
        with data_errors(), progress.counting("reading judgements", "videos") as told:
            for batch in dataset.ragged_batch(READ_AT_ONCE).prefetch(1):
                told.advance(len(batch["id"]))
                for name, there in (("ids", "id"), ("rater", "rater"), ("answer", "answer")):
                    judged[name].append(batch[there].numpy())
                video = videos.add(batch["video"].numpy(), batch, "")
                a, b = (heard.add(batch[f"track{of}"].numpy(), batch, of) for of in (A, B))
                places.append(np.stack([video, a, b]))
        if not places:
            raise DataError("the data set holds no judgements")
        whole = {name: np.concatenate(parts) for name, parts in judged.items()}
        keep = np.sort(np.unique(whole["ids"], return_index=True)[1])
        dropped = {"duplicate": len(whole["ids"]) - len(keep)}
        video, a, b = np.concatenate(places, axis=1)[:, keep]
        ids, rater, answer = (whole[name][keep] for name in ("ids", "rater", "answer"))
        stores = videos.store(), heard.store()
        return cls(ids, rater, answer, video, a, b, *stores, dropped=dropped)

    def gather(self, rows: tf.Tensor, swapped: tf.Tensor | bool = False) -> dict[str, tf.Tensor]:
        """Puts together a batch; to be used eagerly or inside `tf.data.Dataset.map`.

        Args:
            rows: (batch,) integers.
            swapped: (batch,) bool, or one for all. Where True, a and b change places; the answer
                is the caller's to turn.

        Returns:
            Each array of the videos by its name, (batch, steps, ...), padded with zeros to the
            batch's longest and at least one step, and beside it "NAME_length" (batch,) int32; and
            of each array N of the tracks likewise "N_a", "N_a_length", "N_b", "N_b_length".

        Example:
            batch = store.gather(tf.range(2), swapped=tf.constant([False, True]))
            batch["audio_a"].shape  # (2, steps, 128)
        """
        video, a, b = (tf.gather(each, rows) for each in self._rows)
        batch = self.videos.gather(dict.fromkeys(self.videos.lengths, video))
        a, b = tf.where(swapped, b, a), tf.where(swapped, a, b)
        for of, chosen in ((A, a), (B, b)):
            taken = self.tracks.gather(dict.fromkeys(self.tracks.lengths, chosen))
            for name in self.tracks.lengths:
                batch[f"{name}{of}"] = taken[name]
                batch[f"{name}{of}_length"] = taken[f"{name}_length"]
        return batch


class _Once:
    """The arrays of videos or tracks, of each when it first comes."""

    def __init__(self, names: Sequence[str]):
        self.place: dict[bytes, int] = {}
        self.values: dict[str, list[np.ndarray]] = {name: [] for name in names}
        self.lengths: dict[str, list[np.ndarray]] = {name: [] for name in names}

    def add(self, ids: np.ndarray, batch: Mapping[str, tf.RaggedTensor], of: str) -> np.ndarray:
        """Takes what is new of a batch; returns the number of each id, (batch,) int64."""
        before = len(self.place)
        numbers = np.array([self.place.setdefault(id_, len(self.place)) for id_ in ids], np.int64)
        fresh = np.zeros(len(ids), bool)
        first, where = np.unique(numbers, return_index=True)
        fresh[where[first >= before]] = True
        if fresh.any():
            for name in self.values:
                rows = batch[f"{name}{of}"]
                each = rows.row_lengths().numpy()
                self.values[name].append(rows.values.numpy()[np.repeat(fresh, each)])
                self.lengths[name].append(each[fresh])
        return numbers

    def store(self) -> VideoStore:
        """Returns the arrays by number; what was collected is let go of."""
        sequences = {
            name: (np.concatenate(self.values.pop(name)), np.concatenate(self.lengths[name]))
            for name in list(self.values)
        }
        return VideoStore(np.array(list(self.place), object), sequences)
