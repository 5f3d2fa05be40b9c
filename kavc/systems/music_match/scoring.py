"""Preferences of one split's judgements, as arrays: what every table and figure is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc import progress
from kavc.data.comparisons.store import ComparisonStore
from kavc.data.pairing import derangement
from kavc.data.store import VideoStore
from kavc.systems.music_match.networks import TRACK, TRACKS, MusicMatch

EVALUATION_SEED = 0  # of which video stands in for which, so that runs can be compared
BATCH_SIZE = 256
NUMBERS = 2**23  # that go through an encoder at once: 56 frames of 224 by 224


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
    """Asks a trained network about judgements; what it makes of each video and track, once."""
    found, there = vectors(network, store), present(network, store)
    tracks = network.vector_of({TRACK: found.pop(TRACK)}, there)
    videos = network.vector_of(found, there) if found else None
    inputs, outputs = network.on_vectors()
    head = keras.Model(inputs, outputs)
    specs = {name: tf.TensorSpec(x.shape, x.dtype, name) for name, x in inputs.items()}
    answer = tf.function(lambda batch: head(batch, training=False), input_signature=[specs])

    def asked(video: np.ndarray, swapped: bool = False) -> dict[str, np.ndarray]:
        places = (store.b, store.a) if swapped else (store.a, store.b)
        given = {name: tracks[at] for name, at in zip(TRACKS, places, strict=True)}
        given |= {} if videos is None else {"video": videos[video]}
        return _answers(answer, given, specs)

    plain = asked(store.video)
    return Scored(
        store,
        plain["preference"][:, 0],
        asked(store.video, swapped=True)["preference"][:, 0],
        plain["score"],
        asked(other_videos(store))["preference"][:, 0],
    )


def _answers(
    answer: Any, given: Mapping[str, np.ndarray], specs: Mapping[str, tf.TensorSpec]
) -> dict[str, np.ndarray]:
    parts = []
    slices = list(_slices(len(given[TRACKS[0]]), BATCH_SIZE))
    for rows in progress.track(slices, "judging", unit="batches"):
        parts.append(answer({n: tf.cast(given[n][rows], spec.dtype) for n, spec in specs.items()}))
    return {
        name: np.concatenate([part[name].numpy() for part in parts]).astype(np.float64)
        for name in parts[0]
    }


def other_videos(store: ComparisonStore) -> np.ndarray:
    """Returns the video that stands in for each judgement's own, which plays no part: (n,) int64.

    Of an only video, that is itself.
    """
    videos = len(store.videos)
    if videos < 2:
        return store.video
    rng = np.random.default_rng(EVALUATION_SEED)
    return derangement(np.zeros(videos, np.int64), rng)[store.video]


def vectors(network: MusicMatch, store: ComparisonStore) -> dict[str, np.ndarray]:
    """Returns what the encoders make of all videos and tracks: name to (n, width) float32."""
    found = {name: encoded(network, store.videos, name) for name in network.config["streams"]}
    return found | {TRACK: encoded(network, store.tracks, TRACK)}


def present(network: MusicMatch, store: ComparisonStore) -> dict[str, np.ndarray]:
    """Returns which videos and tracks have any row at all: name to (n,) bool."""
    found = {name: store.videos.lengths[name] > 0 for name in network.config["streams"]}
    return found | {TRACK: store.tracks.lengths[TRACK] > 0}


def encoded(network: MusicMatch, videos: VideoStore, name: str) -> np.ndarray:
    """Returns what one encoder makes of the videos, or tracks, of a store: (n, width) float32.

    So many go through it at once that their rows, padded to the longest, stay within memory, since
    a row may be a picture.
    """
    encoder = network.encoders[name]
    row = int(np.prod(encoder.input[name].shape[2:]))
    at_once = max(1, min(BATCH_SIZE, NUMBERS // (row * max(1, int(videos.lengths[name].max())))))
    parts = [
        keras.ops.convert_to_numpy(encoder(videos.gather({name: rows}), training=False))
        for rows in progress.track(
            list(_slices(len(videos), at_once)), f"encoding {name}", unit="batches"
        )
    ]
    return np.concatenate(parts).astype(np.float32)


def _slices(count: int, size: int) -> Iterator[np.ndarray]:
    for first in range(0, count, size):
        yield np.arange(first, min(first + size, count))
