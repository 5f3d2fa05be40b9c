"""Supervised localisation: which class each segment is told to be."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from kavc.systems.ms_vae.videos import MODALITIES, Videos

BATCH_SIZE = 32  # videos; their maps take 1 MB each


def told_classes(network: keras.Model, videos: Videos) -> np.ndarray:
    """Returns the most probable class of each segment, (videos, segments) int64.

    Args:
        network: of `kavc.systems.ms_vae.localizers`.
        videos: as the network takes them.
    """
    answer = tf.function(lambda batch: network(batch, training=False)["probability"])
    parts = []
    for first in range(0, len(videos), BATCH_SIZE):
        some = slice(first, first + BATCH_SIZE)
        batch = {kind: tf.constant(getattr(videos, kind)[some]) for kind in MODALITIES}
        parts.append(answer(batch).numpy().argmax(axis=-1))
    return np.concatenate(parts)


def true_classes(videos: Videos, background: int) -> np.ndarray:
    """Returns the class of each segment, (videos, segments) int64.

    Args:
        videos: of the split.
        background: the class of segments without an event.

    Example:
        >>> event, features = np.array([[False, True, True]]), np.zeros((1, 3, 1))
        >>> videos = Videos(np.array([b"a"]), features, features, event, np.array([5]))
        >>> true_classes(videos, background=28).tolist()
        [[28, 5, 5]]
    """
    return np.where(videos.event, videos.label[:, None], background)
