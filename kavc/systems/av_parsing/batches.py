"""The batches of an epoch: which videos, joined and mixed how, against which labels."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kavc.data.epochs import Columns, of_epoch
from kavc.data.store import VideoStore
from kavc.systems.av_parsing.videos import features

Batch = dict[str, tf.Tensor]
# Columns of a store, where something is known:
SEGMENTS = "segments"  # labels of segments
DROPPED = "dropped"  # which labels of the video are none of a modality's


def batches(
    store: VideoStore,
    epoch: tf.Tensor | int | None,
    seed: int,
    *,
    batch_size: int,
    recombination: float = 0.0,
    mixup: float = 0.0,
) -> tf.data.Dataset:
    """Returns an epoch of (features, labels), each video once, in the order of (seed, epoch).

    Args:
        store: as `load_videos` gives it, maybe with a column "segments" or "dropped".
        epoch: None for all videos as they are.
        seed: of order and shares.
        batch_size: videos in a batch; the last one may have fewer, as published.
        recombination: share of the videos whose pictures are another video's. Each modality keeps
            its own video's labels, and the whole has those of both.
        mixup: videos are mixed, features and labels, in shares from Beta(mixup, mixup).

    Returns:
        Dataset of (inputs, targets): features by name, (batch, segments, width) float32; "video",
        "audio" and "visual" (batch, classes) and, if the store has them, "segments" (batch,
        segments, 2, classes) or "dropped" (batch, 2, classes), float32. What is said of segments is
        said of the modalities, too.

    Example:
        >>> rows = (np.ones((3, 2), np.float32), np.array([1, 1, 1]))
        >>> labels = np.eye(3, dtype=np.float32)
        >>> ids, sequences = np.array([b"a", b"b", b"c"]), {"audio": rows, "visual": rows}
        >>> store = VideoStore(ids, sequences, {"labels": labels})
        >>> inputs, targets = next(iter(batches(store, None, seed=0, batch_size=2)))
        >>> tuple(inputs["audio"].shape), targets["video"].numpy().tolist()
        ((2, 1, 2), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    """

    def batch(
        audio: tf.Tensor, visual: tf.Tensor, others: tf.Tensor, share: tf.Tensor
    ) -> tuple[Batch, Batch]:
        joined = videos(store, audio, visual)
        if epoch is None or not mixup:
            return joined
        return tf.nest.map_structure(
            lambda one, other: _mixed(one, other, share), joined, videos(store, others, others)
        )

    columns = draw(len(store), epoch, seed, recombination=recombination, mixup=mixup)
    rows = tf.data.Dataset.from_tensor_slices(columns).batch(batch_size)
    return rows.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)


def videos(store: VideoStore, audio: tf.Tensor, visual: tf.Tensor) -> tuple[Batch, Batch]:
    """Returns features and labels of videos whose sound and pictures may be of two.

    Args:
        store: see `batches`.
        audio, visual: (batch,) rows of the store.

    Example:
        >>> rows, ids = (np.ones((2, 2), np.float32), np.array([1, 1])), np.array([b"a", b"b"])
        >>> labels = {"labels": np.eye(2, dtype=np.float32)}
        >>> store = VideoStore(ids, {"audio": rows, "visual": rows}, labels)
        >>> _, targets = videos(store, tf.constant([0]), tf.constant([1]))  # sound of a, sight of b
        >>> {name: label.numpy().tolist() for name, label in targets.items()}
        {'video': [[1.0, 1.0]], 'audio': [[1.0, 0.0]], 'visual': [[0.0, 1.0]]}
    """
    heard, seen = (store.gather({"labels": rows})["labels"] for rows in (audio, visual))
    targets = {"video": tf.maximum(heard, seen), "audio": heard, "visual": seen}
    if SEGMENTS in store.columns:
        streams = [
            store.gather({SEGMENTS: rows})[SEGMENTS][:, :, stream]
            for stream, rows in enumerate((audio, visual))
        ]
        targets["audio"], targets["visual"] = (tf.reduce_max(one, axis=1) for one in streams)
        targets[SEGMENTS] = tf.stack(streams, axis=2)
    if DROPPED in store.columns:  # sound and pictures are of one video
        targets[DROPPED] = store.gather({DROPPED: audio})[DROPPED]
    return features(store, {"audio": audio, "visual": visual}), targets


def draw(
    count: int, epoch: tf.Tensor | int | None, seed: int, *, recombination: float, mixup: float
) -> Columns:
    """Returns rows of sounds and of pictures, the rows they are mixed with, and their own shares.

    Args:
        count: number of videos.
        epoch, seed, recombination, mixup: as of `batches`.

    Returns:
        (count,) int32, int32, int32, float32.

    Reference:
        Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018.

    Example:
        >>> audio, visual, others, share = draw(3, None, seed=0, recombination=0.5, mixup=0.5)
        >>> audio.tolist(), visual.tolist(), share.tolist()  # validation is as it is
        ([0, 1, 2], [0, 1, 2], [1.0, 1.0, 1.0])
    """
    if epoch is None:
        rows = np.arange(count, dtype=np.int32)
        return rows, rows, rows, np.ones(count, np.float32)

    def drawn(epoch: int) -> Columns:
        rng = np.random.default_rng([seed, epoch])
        audio, others = (rng.permutation(count).astype(np.int32) for _ in range(2))
        share = rng.beta(mixup, mixup, count) if mixup else np.ones(count)
        visual = np.where(rng.random(count) < recombination, rng.permutation(audio), audio)
        return audio, visual, others, np.maximum(share, 1 - share).astype(np.float32)

    return of_epoch(drawn, epoch, (tf.int32, tf.int32, tf.int32, tf.float32))


def _mixed(one: tf.Tensor, other: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Returns the videos' share of `one` and the rest of `other`, (batch, ...)."""
    share = tf.reshape(share, [-1] + [1] * (one.shape.rank - 1))
    return share * one + (1 - share) * other
