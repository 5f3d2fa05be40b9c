"""Preferences of one split's judgements, as arrays: what every table and figure is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kavc.data.comparisons.store import ComparisonStore
from kavc.data.pairing import derangement
from kavc.data.store import VideoStore
from kavc.systems.music_match.networks import TRACK, MusicMatch

EVALUATION_SEED = 0  # of which video stands in for which, so that runs can be compared
BATCH_SIZE = 256


@dataclass(frozen=True)
class Scored:
    """What a network says of judgements.

    Args:
        store: the judgements.
        logit: (judgements,) float64. Of a being preferred.
        swapped: likewise, when a and b changed places: ideally `-logit`.
        score: (judgements, 2) float64. Of each track alone.
        shuffled: as `logit`, with another video in place of the judgement's.
    """

    store: ComparisonStore
    logit: np.ndarray
    swapped: np.ndarray
    score: np.ndarray
    shuffled: np.ndarray

    @property
    def preferred(self) -> np.ndarray:
        """Whether a was preferred: (judgements,) bool."""
        return self.store.answer == 0

    @property
    def symmetrised(self) -> np.ndarray:
        """Half the difference that changing places makes: (judgements,) float64."""
        return (self.logit - self.swapped) / 2


def score(network: keras.Model, store: ComparisonStore) -> Scored:
    """Asks a trained network about judgements, in batches of 256."""
    specs = {name: tf.TensorSpec(x.shape, x.dtype, name) for name, x in network.input.items()}
    answer = tf.function(lambda batch: network(batch, training=False), input_signature=[specs])

    def asked(store: ComparisonStore, swapped: bool) -> dict[str, np.ndarray]:
        parts = []
        for rows in _slices(len(store)):
            batch = store.gather(rows, np.full(len(rows), swapped))
            parts.append(answer({name: batch[name] for name in specs}))
        return {
            name: np.concatenate([part[name].numpy() for part in parts]).astype(np.float64)
            for name in parts[0]
        }

    plain = asked(store, False)
    return Scored(
        store,
        plain["preference"][:, 0],
        asked(store, True)["preference"][:, 0],
        plain["score"],
        asked(with_other_videos(store), False)["preference"][:, 0],
    )


def with_other_videos(store: ComparisonStore) -> ComparisonStore:
    """Returns the judgements, each with another video: its own plays no part in the answers."""
    videos = len(store.videos)
    if videos < 2:
        return store
    rng = np.random.default_rng(EVALUATION_SEED)
    other = derangement(np.zeros(videos, np.int64), rng)
    return ComparisonStore(
        store.ids, store.rater, store.answer, other[store.video], store.a, store.b,
        store.videos, store.tracks,
    )  # fmt: skip


def vectors(network: MusicMatch, store: ComparisonStore) -> dict[str, np.ndarray]:
    """Returns what the encoders make of all videos and tracks: name to (n, width) float32."""
    found = {name: encoded(network, store.videos, name) for name in network.config["streams"]}
    return found | {TRACK: encoded(network, store.tracks, TRACK)}


def encoded(network: MusicMatch, videos: VideoStore, name: str) -> np.ndarray:
    """Returns what one encoder makes of the videos, or tracks, of a store: (n, width) float32."""
    encoder = network.encoders[name]

    def batches() -> Iterator[Mapping[str, tf.Tensor]]:
        for rows in _slices(len(videos)):
            yield videos.gather({name: rows})

    parts = [keras.ops.convert_to_numpy(encoder(batch, training=False)) for batch in batches()]
    return np.concatenate(parts).astype(np.float32)


def _slices(count: int) -> Iterator[np.ndarray]:
    for first in range(0, count, BATCH_SIZE):
        yield np.arange(first, min(first + BATCH_SIZE, count))
