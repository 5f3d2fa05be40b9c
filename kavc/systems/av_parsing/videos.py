"""The videos of a split in memory: features, weak labels, and what is heard and seen when."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kavc.data.store import VideoStore
from kavc.errors import DataError

FEATURES = ("audio", "visual", "visual_3d")
EVENTS = ("audio_events", "visual_events")
AT_ONCE = 1024


def load_videos(examples: tf.data.Dataset, classes: int) -> VideoStore:
    """Reads one split, as `AVParsingSystem.read` gives it.

    Args:
        examples: unbatched; "labels" are indices.
        classes: number of event classes.

    Returns:
        The store: the sequences of the examples, and a column "labels", (videos, classes) float32,
        1 where the video has an event of the class, wherever that is.
    """

    def labelled(example: dict) -> dict:
        label = tf.one_hot(example["labels"], classes)
        return example | {"labels": tf.reduce_max(tf.pad(label, [[0, 1], [0, 0]]), axis=0)}

    return VideoStore.from_dataset(examples.map(labelled), needed=("audio", "visual"))


def features(store: VideoStore, rows: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns a batch of features; sound and pictures may be of different videos.

    Args:
        store: as `load_videos` gives it.
        rows: "audio" and "visual" to (batch,) integers.

    Returns:
        "audio", "visual" and, where there are such, "visual_3d", (batch, segments, width) float32.

    Example:
        >>> rows, ids = (np.ones((2, 4), np.float32), np.array([1, 1])), np.array([b"a", b"b"])
        >>> store = VideoStore(ids, {"audio": rows, "visual": rows}, {})
        >>> batch = features(store, {"audio": tf.constant([0]), "visual": tf.constant([1])})
        >>> {name: tuple(array.shape) for name, array in batch.items()}
        {'audio': (1, 1, 4), 'visual': (1, 1, 4)}
    """
    wanted = {name: rows["audio" if name == "audio" else "visual"] for name in FEATURES}
    wanted = {name: chosen for name, chosen in wanted.items() if name in store.lengths}
    batch = store.gather(wanted)
    return {name: batch[name] for name in wanted}


def all_features(store: VideoStore) -> dict[str, np.ndarray]:
    """Returns the features of all videos, (videos, segments, width) float32 each, by name."""
    rows = np.arange(len(store))
    found = features(store, {"audio": rows, "visual": rows})
    return {name: value.numpy() for name, value in found.items()}


def truth(store: VideoStore, segments: int) -> np.ndarray:
    """Returns what is heard and seen when: (videos, segments, 2, classes) bool, audio first.

    Args:
        store: as `load_videos` gives it, of a split whose events are known.
        segments: seconds of a video.
    """
    batch = store.gather(dict.fromkeys(EVENTS, np.arange(len(store))))
    classes = batch[EVENTS[0]].shape[-1]
    found = np.zeros((len(store), segments, len(EVENTS), classes), bool)
    for stream, name in enumerate(EVENTS):
        events = batch[name].numpy()[:, :segments]  # as long as the longest, which may be none
        found[:, : events.shape[1], stream] = events == 1
    return found


def check_events(split: str, store: VideoStore) -> None:
    """Refuses a split of which it isn't known what is heard and seen when.

    Raises:
        DataError: it names the first video and the array.
    """
    for name in EVENTS:
        unknown = store.ids[store.lengths[name] == 0]
        if len(unknown):
            raise DataError(
                f"split {split!r}: video {unknown[0].decode(errors='replace')!r} has no rows of"
                f" {name!r} ({len(unknown)} of {len(store)} have none), and an evaluation needs to"
                " know what is heard and seen when; take videos of which that is known"
            )
