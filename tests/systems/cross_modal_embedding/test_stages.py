"""The data of an epoch, and what a fit prepares."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kavc.data.canonical import canonical_correlation
from kavc.data.feature_store import FeatureStore
from kavc.metrics.retrieval import match_ranks
from kavc.systems.cross_modal_embedding.config import CrossModalConfig
from kavc.systems.cross_modal_embedding.fitted import fit_canonical
from kavc.systems.cross_modal_embedding.recipe import build
from kavc.systems.cross_modal_embedding.stages import ContrastiveStage, PairStage

VIDEOS, CLASSES = 50, 7
SMALL = {"audio_dim": 4, "visual_dim": 6, "classes": CLASSES, "batch_size": 16}


@pytest.fixture(scope="module")
def store():
    """The first entry of each vector is the video's number."""
    rng = np.random.default_rng(0)
    audio, visual = rng.normal(size=(VIDEOS, 4)), rng.normal(size=(VIDEOS, 6))
    audio[:, 0] = visual[:, 0] = np.arange(VIDEOS)
    return FeatureStore(
        np.array([b"%d" % i for i in range(VIDEOS)]),
        audio,
        visual,
        np.arange(VIDEOS) % CLASSES,
        np.arange(VIDEOS + 1),
        np.zeros(VIDEOS, bool),
    )


def batches(stage, store, epoch, seed=0):
    return list(stage.dataset(store, epoch, seed).as_numpy_iterator())


def flat(batches):
    return [np.ravel(x) for x in tf.nest.flatten(batches)]


@pytest.mark.parametrize("kind", [PairStage, ContrastiveStage])
def test_an_epoch_is_a_function_of_seed_and_epoch(kind, store):
    stage = kind(CrossModalConfig(mixing=0.5, **SMALL))
    first, again = batches(stage, store, 3), batches(stage, store, 3)
    in_graph = batches(stage, store, tf.constant(3, tf.int64))
    for x, y, z in zip(flat(first), flat(again), flat(in_graph), strict=True):
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(x, z)
    for other in (batches(stage, store, 4), batches(stage, store, 3, seed=1)):
        assert not np.array_equal(flat(first)[0], flat(other)[0])
    assert len(first) == VIDEOS // 16 == stage.dataset(store, 0, 0).cardinality()


def test_pairs_have_the_labels_of_their_own_videos(store):
    stage = PairStage(CrossModalConfig(**SMALL))
    for inputs, targets in batches(stage, store, 0):
        audio, visual = inputs["audio"][:, 0].astype(int), inputs["visual"][:, 0].astype(int)
        np.testing.assert_array_equal(targets["is_negative"], audio != visual)
        assert targets["is_negative"].sum() == round(0.6 * 16)
        assert targets["audio_labels"].argmax(axis=1).tolist() == (audio % CLASSES).tolist()
        assert targets["visual_labels"].argmax(axis=1).tolist() == (visual % CLASSES).tolist()


def test_validation_is_the_same_in_every_epoch_and_not_mixed(store):
    stage = ContrastiveStage(CrossModalConfig(mixing=0.5, **SMALL))
    for inputs, targets in batches(stage, store, None):
        rows = inputs["audio"][:, 0].astype(int)
        np.testing.assert_array_equal(inputs["audio"], store.audio[rows])
        assert targets["audio_labels"].argmax(axis=1).tolist() == (rows % CLASSES).tolist()


def test_mixed_pairs_share_one_weight(store):
    stage = ContrastiveStage(CrossModalConfig(mixing=0.5, **SMALL))
    for inputs, targets in batches(stage, store, 0):
        np.testing.assert_allclose(inputs["audio"][:, 0], inputs["visual"][:, 0], rtol=1e-5)
        np.testing.assert_allclose(targets["audio_labels"].sum(axis=1), 1, rtol=1e-5)
        largest = targets["audio_labels"].max(axis=1)
        assert largest.min() >= 0.5 and np.any(largest < 0.99)


def test_what_does_not_fill_a_batch_changes_with_the_epoch(store):
    stage = PairStage(CrossModalConfig(**SMALL))
    seen = [
        {int(row) for inputs, _ in batches(stage, store, epoch) for row in inputs["visual"][:, 0]}
        for epoch in range(4)
    ]
    assert all(len(rows) == 48 for rows in seen)
    assert len(set.union(*seen)) == VIDEOS


def test_fewer_videos_than_a_batch_are_one(store):
    stage = PairStage(CrossModalConfig(**{**SMALL, "batch_size": 1024}))
    (batch,) = batches(stage, store, 0)
    assert len(batch[0]["audio"]) == VIDEOS


def test_the_training_split_alone_gives_the_coordinates(store, tmp_path):
    config = CrossModalConfig(network="canonical", units=8, embedding_dim=3, **SMALL)
    network, stage = build(config), ContrastiveStage(config)
    examples = tf.data.Dataset.from_tensor_slices(
        {
            "id": store.ids,
            "audio": store.audio,
            "visual": store.visual,
            "labels": tf.RaggedTensor.from_row_splits(store.label_values, store.label_splits),
            "silent": store.silent,
        }
    )
    stage.prepare(network, lambda: stage.load(examples), tmp_path / "train")
    found = canonical_correlation(store.audio, store.visual)
    layer = network.visual_branch.get_layer("coordinates")
    np.testing.assert_allclose(layer.directions, found.visual_directions[:, :6], rtol=1e-5)
    stage.prepare(network, lambda: stage.load(examples.take(20)), tmp_path / "validation")
    np.testing.assert_allclose(layer.directions, found.visual_directions[:, :6], rtol=1e-5)


def test_the_kernel_machine_finds_what_is_not_linear(tmp_path):
    """Pictures show the absolute value of the sound, and something else that is linear."""
    rng = np.random.default_rng(0)
    audio = rng.normal(size=(600, 4)).astype(np.float32)
    other = audio[:, :2] + rng.normal(size=(600, 2)) / 2
    visual = np.concatenate([np.abs(audio) + rng.normal(size=(600, 4)) / 10, other], axis=1)
    store = FeatureStore(
        np.array([b"%d" % i for i in range(600)]),
        audio,
        visual,
        np.zeros(0),
        np.zeros(601),
        np.zeros(600, bool),
    )
    config = CrossModalConfig(
        network="canonical", units=8, embedding_dim=8, kernel_features=400, **SMALL
    )
    network = build(config)
    fit_canonical(network, store.select(np.arange(400)), config)
    test = store.select(np.arange(400, 600))
    outputs = network({"audio": test.audio, "visual": test.visual}, training=False)
    kernel = [np.asarray(outputs[f"{name}_embedding"])[:, 8:] for name in ("audio", "visual")]
    linear = canonical_correlation(store.audio[:400], store.visual[:400])
    recall = match_ranks(*kernel).recall_at(1)
    alone = match_ranks(
        linear.embed("audio", test.audio, 4), linear.embed("visual", test.visual, 4)
    ).recall_at(1)
    assert recall > 2 * alone > 0
