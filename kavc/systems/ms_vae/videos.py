"""The videos of a split in memory, and their segments: what the fits and the evaluation read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from kavc.data.store import VideoStore
from kavc.errors import DataError

MODALITIES = ("audio", "visual")


def load_videos(examples: tf.data.Dataset) -> VideoStore:
    """Reads one split, as `MSVAESystem.read` gives it.

    Returns:
        The store: sequences "audio", "visual" and "events", and a column "label", (videos,) int32.

    Raises:
        DataError: no video is left.
    """

    def labelled(example: dict) -> dict:
        others = {name: value for name, value in example.items() if name != "theme"}
        return others | {"label": example["theme"]}

    return VideoStore.from_dataset(examples.map(labelled), needed=MODALITIES)


@dataclass(frozen=True)
class Videos:
    """The videos of a split as arrays.

    Args:
        ids: (videos,) bytes.
        audio, visual: (videos, segments, width) float32.
        event: (videos, segments) bool. Where there is the event.
        label: (videos,) int. Category of the event.

    Example:
        >>> event = np.array([[False, True, True, False], [True, True, True, True]])
        >>> features = np.zeros((2, 4, 1), np.float32)
        >>> videos = Videos(np.array([b"a", b"b"]), features, features, event, np.array([0, 1]))
        >>> videos.start.tolist(), videos.length.tolist(), videos.queries.tolist()
        ([1, 0], [2, 4], [0])
    """

    ids: np.ndarray
    audio: np.ndarray
    visual: np.ndarray
    event: np.ndarray
    label: np.ndarray

    @classmethod
    def of(cls, store: VideoStore) -> Videos:
        """Returns a store's videos; see `load_videos`."""
        rows = np.arange(len(store))
        found = store.gather(dict.fromkeys((*MODALITIES, "events"), rows))
        arrays = {name: found[name].numpy() for name in (*MODALITIES, "events")}
        event = arrays.pop("events")[..., 0] == 1
        return cls(store.ids, **arrays, event=event, label=store.columns["label"].astype(int))

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: np.ndarray) -> Videos:
        """Returns some videos, in the order of the rows."""
        return Videos(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @cached_property
    def start(self) -> np.ndarray:
        """First segment of each event, (videos,); 0 where there is none."""
        return self.event.argmax(axis=1)

    @cached_property
    def length(self) -> np.ndarray:
        """Segments from the first to the last of each event, (videos,); 0 where there is none."""
        last = self.event.shape[1] - self.event[:, ::-1].argmax(axis=1)
        return np.where(self.event.any(axis=1), last - self.start, 0)

    @cached_property
    def queries(self) -> np.ndarray:
        """Rows of the videos that ask where: with an event that isn't the whole video."""
        return np.flatnonzero((self.length > 0) & (self.length < self.event.shape[1]))

    def check_queries(self, split: str) -> None:
        """Refuses videos of which none asks where.

        Args:
            split: of the videos.

        Raises:
            DataError: says so.
        """
        if not len(self.queries):
            raise DataError(
                f"split {split!r}: none of its {len(self)} videos has an event that isn't the whole"
                " video, so there is nothing to find in them; take other videos"
            )


class Segments:
    """The segments of a split's videos, one a row, with a gather that works in graph mode.

    Args:
        videos: of the split.
        events_alone: whether segments without an event are left out.

    Attributes:
        video: (segments,) int64, ascending: of which video each is.
        event: (segments,) float32.

    Raises:
        DataError: no segment is left.

    Example:
        >>> event, features = np.array([[False, True, True]]), np.zeros((1, 3, 1), np.float32)
        >>> videos = Videos(np.array([b"a"]), features, features, event, np.array([0]))
        >>> len(Segments(videos, events_alone=True)), len(Segments(videos, events_alone=False))
        (2, 3)
    """

    def __init__(self, videos: Videos, *, events_alone: bool):
        chosen = videos.event if events_alone else np.ones_like(videos.event)
        if not chosen.any():
            raise DataError("no segment of the split has an event, and these are learnt from")
        self.video, _ = np.nonzero(chosen)
        self.event = videos.event[chosen].astype(np.float32)
        with tf.device("CPU:0"):  # a split may be larger than a GPU's memory
            self._columns = {
                "audio": tf.constant(videos.audio[chosen]),
                "visual": tf.constant(videos.visual[chosen]),
                "event": tf.constant(self.event),
            }

    def __len__(self) -> int:
        return len(self.video)

    def gather(self, rows: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns a batch: name of a column to (batch, ...) of the rows it names."""
        return {name: tf.gather(self._columns[name], chosen) for name, chosen in rows.items()}

    @cached_property
    def of_videos(self) -> tuple[np.ndarray, np.ndarray]:
        """First row of each video that has some, and how many, (videos,) int64 each."""
        _, first, count = np.unique(self.video, return_index=True, return_counts=True)
        return first, count
