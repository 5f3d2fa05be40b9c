from __future__ import annotations

import numpy as np
import pytest

from kavc.data.canonical import canonical_correlation
from kavc.systems.cross_modal_embedding import embeddings


@pytest.fixture(scope="module", autouse=True)
def small_batches():
    patch = pytest.MonkeyPatch()
    patch.setattr(embeddings, "BATCH_SIZE", 64)  # so that 300 videos are several batches
    yield
    patch.undo()


def directly(network, store):
    outputs = network({"audio": store.audio, "visual": store.visual}, training=False)
    return np.asarray(outputs["audio_embedding"]), np.asarray(outputs["visual_embedding"])


@pytest.mark.parametrize("input_norm", ["none", "per_modality"])
def test_alone_is_what_the_network_gives(make_network, held, input_norm):
    network = make_network(input_norm=input_norm)
    for found in (
        embeddings.embed_alone(network, held.test),
        embeddings.embed_pairs(network, held.test),
    ):
        audio, visual = directly(network, held.test)
        np.testing.assert_allclose(found.audio, audio, atol=1e-6)  # float32, other batches
        np.testing.assert_allclose(found.visual, visual, atol=1e-6)


def test_joint_norm_needs_the_pair(make_network, held):
    network = make_network(input_norm="joint")
    pairs = embeddings.embed_pairs(network, held.test)
    np.testing.assert_allclose(pairs.audio, directly(network, held.test)[0], atol=1e-6)
    alone = embeddings.embed_alone(network, held.test, normalize=True)
    unit = held.test.audio / np.linalg.norm(held.test.audio, axis=1, keepdims=True)
    np.testing.assert_allclose(alone.audio, network.audio_branch(unit), atol=1e-6)
    assert np.abs(alone.audio - pairs.audio).max() > 0.01


def test_silent_videos_tie_exactly(make_network, held):
    silent = held.test.silent
    cca = canonical_correlation(held.train.audio, held.train.visual)
    for found in (
        embeddings.embed_alone(make_network(), held.test),
        embeddings.embed_canonical(cca, held.test),
    ):
        assert len(np.unique(found.audio[silent], axis=0)) == 1
        tied = found.ranks()["v2a"].tied
        np.testing.assert_array_equal(tied, np.where(silent, silent.sum() - 1, 0))


def test_directions(held):
    cca = canonical_correlation(held.train.audio, held.train.visual)
    found = embeddings.embed_canonical(cca, held.test)
    assert found.of("a2v") == (found.audio, found.visual)
    assert found.of("v2a") == (found.visual, found.audio)
    some = found.select(np.array([3, 1]))
    np.testing.assert_array_equal(some.visual, found.visual[[3, 1]])
