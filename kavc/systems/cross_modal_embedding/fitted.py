"""What `CanonicalEmbedding` is given and not taught: canonical coordinates and a kernel machine."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from kavc.data.canonical import CanonicalCorrelation, canonical_correlation
from kavc.data.feature_store import FeatureStore
from kavc.systems.cross_modal_embedding.config import CrossModalConfig

# Beyond, more videos change the covariances by less than the ridge does, and cost memory.
MOST_VIDEOS = 50_000
BATCH_SIZE = 1024


def fit_canonical(network: keras.Model, store: FeatureStore, config: CrossModalConfig) -> None:
    """Fits the closed forms of a network on the training videos, in place.

    Args:
        network: `CanonicalEmbedding`.
        store: the training videos; of more than 50,000, so many evenly spaced ones are taken.
        config: gives both ridges and the width of the kernel.

    Reference:
        Hotelling, 1936; Rahimi and Recht, 2007, for the kernel machine.
    """
    rows = np.linspace(0, len(store) - 1, min(len(store), MOST_VIDEOS)).astype(int)
    branches = network.audio_branch, network.visual_branch
    features = [store.audio[rows], store.visual[rows]]
    found = canonical_correlation(features[0], features[1], config.ridge)
    _assign(branches, "coordinates", found)
    if config.kernel_features:
        _fit_kernel(branches, features, found.correlations, config)


def _fit_kernel(
    branches: Sequence[keras.Model],
    features: Sequence[np.ndarray],
    correlations: np.ndarray,
    config: CrossModalConfig,
) -> None:
    """Kernel canonical correlation analysis on random features.

    Coordinates enter the kernel weighted by their correlations: what the other modality does not
    tell is of no use for a distance. Reference: Lopez-Paz et al., "Randomized Nonlinear Component
    Analysis", 2014.
    """
    kernel = []
    for branch, x in zip(branches, features, strict=True):
        layer = branch.get_layer("fourier")
        weighted = correlations[: layer.scale.shape[0]]
        coordinates = _outputs(branch, "coordinates", x)[:, : len(weighted)] * weighted
        distance = np.sqrt(2 * coordinates.var(axis=0).sum())
        layer.scale.assign(config.kernel_width * weighted / distance)
        kernel.append(_outputs(branch, "fourier", x))
    found = canonical_correlation(
        kernel[0], kernel[1], config.kernel_ridge, dimensions=config.embedding_dim
    )
    weights = found.correlations[: config.embedding_dim] ** 0.5
    _assign(branches, "kernel_directions", found, weights)


def _assign(
    branches: Sequence[keras.Model],
    name: str,
    found: CanonicalCorrelation,
    weights: np.ndarray | None = None,
) -> None:
    """Sets the layer of that name in the audio and in the visual branch."""
    audio, visual = (branch.get_layer(name) for branch in branches)
    scale = 1.0 if weights is None else weights
    audio.assign(found.audio_mean, found.audio_directions[:, : audio.units] * scale)
    visual.assign(found.visual_mean, found.visual_directions[:, : visual.units] * scale)


def _outputs(branch: keras.Model, name: str, features: np.ndarray) -> np.ndarray:
    part = keras.Model(branch.input, branch.get_layer(name).output)
    function = tf.function(
        lambda x: tf.cast(part(x, training=False), tf.float32), reduce_retracing=True
    )
    starts = range(0, len(features), BATCH_SIZE)
    return np.concatenate([function(features[at : at + BATCH_SIZE]).numpy() for at in starts])
