"""Embeddings of a split by a network or by linear CCA, and the ranks of its matches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kavc.data.canonical import CanonicalCorrelation
from kavc.data.feature_store import FeatureStore
from kavc.metrics.retrieval import MatchRanks, first_equal, match_ranks

BATCH_SIZE = 1024
CCA_DIRECTIONS = 128
DIRECTIONS = {"a2v": "A2V", "v2a": "V2A"}

Ranks = Mapping[str, MatchRanks]  # by direction


@dataclass(frozen=True)
class Embedded:
    """Both modalities of the same videos in one space.

    Args:
        audio, visual: `(videos, width) float32` of norm 1.

    Example:
        >>> embedded = Embedded(np.eye(3, dtype="f4"), np.eye(3, dtype="f4")[[0, 2, 1]])
        >>> embedded.ranks()["a2v"].better.tolist()  # the second and third find each other's
        [0, 1, 1]
    """

    audio: np.ndarray
    visual: np.ndarray

    def of(self, direction: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns queries and gallery: sounds query pictures in "a2v".

        Example:
            >>> embedded = Embedded(np.zeros((2, 4)), np.ones((2, 4)))
            >>> queries, gallery = embedded.of("v2a")
            >>> float(queries[0, 0]), float(gallery[0, 0])
            (1.0, 0.0)
        """
        return (self.audio, self.visual) if direction == "a2v" else (self.visual, self.audio)

    def ranks(self) -> dict[str, MatchRanks]:
        """Ranks of the matches among all videos, by direction."""
        return {direction: match_ranks(*self.of(direction)) for direction in DIRECTIONS}

    def select(self, rows: np.ndarray) -> Embedded:
        """Returns the embeddings of some videos alone."""
        return Embedded(self.audio[rows], self.visual[rows])


@dataclass(frozen=True)
class Corrected(Embedded):
    """Embeddings of which each item's bias is taken off its scores: one more coordinate.

    Args:
        audio_bias, visual_bias: `(videos,) float32`, of the sounds and of the pictures as items.
    """

    audio_bias: np.ndarray
    visual_bias: np.ndarray

    def of(self, direction: str) -> tuple[np.ndarray, np.ndarray]:
        queries, items = super().of(direction)
        bias = self.visual_bias if direction == "a2v" else self.audio_bias
        return with_bias(queries, items, bias)

    def select(self, rows: np.ndarray) -> Corrected:
        return Corrected(
            self.audio[rows], self.visual[rows], self.audio_bias[rows], self.visual_bias[rows]
        )


def with_bias(
    queries: np.ndarray, items: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns queries and items whose dot products are those of before, less each item's bias.

    Args:
        queries, items: `(n, dim)` and `(m, dim) float32`.
        bias: `(m,) float32`.

    Returns:
        One column wider.

    Example:
        >>> queries, items = np.array([[1.0, 0.0]]), np.array([[0.8, 0.6], [1.0, 0.0]])
        >>> queries, items = with_bias(queries, items, np.array([0.0, 0.5]))
        >>> (queries @ items.T).tolist()
        [[0.8, 0.5]]
    """
    return np.pad(queries, ((0, 0), (0, 1)), constant_values=1), np.column_stack([items, -bias])


def embed_pairs(network: keras.Model, store: FeatureStore) -> Embedded:
    """Embeds each video's sound and picture together: a joint norm needs both."""

    def both(audio: tf.Tensor, visual: tf.Tensor) -> list[tf.Tensor]:
        outputs = network({"audio": audio, "visual": visual}, training=False)
        return [outputs["audio_embedding"], outputs["visual_embedding"]]

    return Embedded(*_in_batches(both, store.audio, store.visual))


def embed_alone(network: keras.Model, store: FeatureStore, *, normalize: bool = False) -> Embedded:
    """Embeds each modality by its own branch, as a catalogue of sounds or pictures would be.

    Args:
        network: has `audio_branch` and `visual_branch`.
        store: the videos.
        normalize: whether features are first divided by their own norm, for a network that was
            trained on another norm.
    """
    audio, visual = (_unit(x) if normalize else x for x in (store.audio, store.visual))
    return Embedded(embed_one(network, "audio", audio), embed_one(network, "visual", visual))


def embed_one(network: keras.Model, modality: str, features: np.ndarray) -> np.ndarray:
    """Embeds features of one modality; equal features give equal embeddings, to the last bit.

    Args:
        network: has `audio_branch` and `visual_branch`.
        modality: "audio" or "visual".
        features: `(n, width)` of that modality.

    Returns:
        `(n, embedding_dim) float32` of norm 1.

    Example:
        >>> from kavc.systems.cross_modal_embedding.networks import CrossModalEmbedding
        >>> small = {"audio_units": (8,), "visual_units": (8,), "embedding_dim": 6}
        >>> network = CrossModalEmbedding(classes=3, audio_dim=4, visual_dim=5, **small)
        >>> found = embed_one(network, "audio", np.ones((2, 4), np.float32))
        >>> found.shape, bool((found[0] == found[1]).all())
        ((2, 6), True)
    """
    branch = {"audio": network.audio_branch, "visual": network.visual_branch}[modality]
    return _alike(_in_batches(lambda x: [branch(x, training=False)], features)[0], features)


def embed_canonical(directions: CanonicalCorrelation, store: FeatureStore) -> Embedded:
    """Embeds each modality by linear CCA, its directions weighted by their correlation squared.

    Reference:
        Hotelling, 1936.
    """
    dimensions = min(CCA_DIRECTIONS, len(directions.correlations))
    return Embedded(
        _alike(directions.embed("audio", store.audio, dimensions), store.audio),
        _alike(directions.embed("visual", store.visual, dimensions), store.visual),
    )


def _unit(x: np.ndarray) -> np.ndarray:
    """Returns rows of norm 1; a row of zeros stays."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _alike(embeddings: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Gives equal features, as of silence, one embedding: batches round it differently."""
    return embeddings[first_equal(features)]


def _in_batches(function: Callable[..., list[tf.Tensor]], *arrays: np.ndarray) -> list[np.ndarray]:
    """Runs a function of batches over whole arrays; float32.

    Without a graph: who embeds a catalogue comes here once a batch, and would trace each time.
    """
    parts = [
        function(*(x[first : first + BATCH_SIZE].astype(np.float32, copy=False) for x in arrays))
        for first in range(0, len(arrays[0]), BATCH_SIZE)
    ]
    return [
        np.concatenate([np.asarray(tf.cast(x, tf.float32)) for x in column])
        for column in zip(*parts, strict=True)
    ]
