"""Small data and networks for the evaluation of the cross-modal embedding."""

from __future__ import annotations

import keras
import numpy as np
import pytest

AUDIO_DIM, VISUAL_DIM, CLASSES, SILENT = 8, 12, 5, 9


@pytest.fixture(scope="session")
def make_store():
    """Makes videos whose sound and picture have hidden causes in common; the first are silent."""
    from kavc.data.feature_store import FeatureStore

    mixing = np.random.default_rng(0)
    to_audio, to_visual = (mixing.normal(size=(6, width)) for width in (AUDIO_DIM, VISUAL_DIM))

    def make(videos, seed, silent=SILENT):
        draw = np.random.default_rng(seed)
        causes = draw.normal(size=(videos, 6))
        audio = causes @ to_audio + draw.normal(size=(videos, AUDIO_DIM))
        audio[:silent] = 0.5
        labels = [np.flatnonzero(row > 0.5) for row in causes[:, :CLASSES]]
        return FeatureStore(
            np.array([b"%d-%d" % (seed, video) for video in range(videos)], object),
            audio,
            causes @ to_visual + draw.normal(size=(videos, VISUAL_DIM)),
            np.concatenate(labels),
            np.cumsum([0, *map(len, labels)]),
            np.arange(videos) < silent,
        )

    return make


@pytest.fixture(scope="session")
def held(make_store):
    """300 test videos and 400 to fit linear CCA on."""
    from kavc.systems.cross_modal_embedding.held import Held

    names = ["Piano", "", "Tabs and | pipes", "Dance", "Game"]
    return Held(make_store(300, 1), make_store(400, 2), names, "made up", ["A note."])


@pytest.fixture(scope="session")
def make_network():
    """Makes an untrained network of small widths."""
    from kavc.systems.cross_modal_embedding.networks import CrossModalEmbedding

    def make(seed=0, **options):
        keras.utils.set_random_seed(seed)
        network = CrossModalEmbedding(
            CLASSES, AUDIO_DIM, VISUAL_DIM,
            audio_units=(16, 16, 8, 8), visual_units=(16, 16, 8, 8), embedding_dim=6, **options,
        )  # fmt: skip
        for weight in network.weights:  # else scaled features would have the same embeddings
            if weight.name == "bias":
                weight.assign(np.random.default_rng(seed).normal(size=weight.shape))
        return network

    return make
