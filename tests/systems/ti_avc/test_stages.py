"""The fits of Ti-AVC: their pairs, losses, weights and frozen embeddings."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.systems.ti_avc.recipe import build, stages
from kavc.systems.ti_avc.stages import ThemeLoss
from kavc.systems.ti_avc.system import TiAVCSystem
from kavc.systems.ti_avc.videos import gather_pairs
from kavc.training.stages import epochs_of

FLOAT32 = 2e-5  # absolute, for float32 logits of order 1


def stage_of(config, name="pairs", **options):
    config = config.replace(**{"variant": "joint"} | options)
    return next(stage for stage in stages(config) if stage.name == name)


def pairs_of(stage, store, epoch, seed=0):
    """The pairs of an epoch by label, as sets of (audio, visual)."""
    audio, visual, label = stage.draw(store, epoch, seed)
    return [
        {(int(a), int(v)) for a, v, y in zip(audio, visual, label, strict=True) if y == wanted}
        for wanted in (0, 1)
    ]


@pytest.mark.parametrize(("on", "expected"), [("positives", [2, 0, 2]), ("all", [1, 1, 1])])
def test_weights_of_the_joint_theme_loss(small_config, on, expected):
    stage = stage_of(small_config, theme_loss_on=on)
    theme = tf.constant([1, 2, 3])
    label = tf.constant([1.0, 0.0, 1.0])
    _, targets, weights = stage.targets({"theme": theme}, label)
    np.testing.assert_array_equal(weights["theme"], expected)
    np.testing.assert_array_equal(weights["match"], [1, 1, 1])
    np.testing.assert_array_equal(targets["match"], label)
    np.testing.assert_array_equal(targets["theme"], theme)


def test_baselines_have_no_theme_loss(small_config):
    stage = stage_of(small_config, variant="baseline-2")
    _, targets = stage.targets({"theme": tf.constant([1])}, tf.constant([1.0]))
    assert set(targets) == {"match"}
    assert set(stage.objective()["loss"]) == {"match"}


@pytest.mark.parametrize(("on", "weight"), [("positives", 1.0), ("all", 0.5)])
def test_the_joint_loss_is_the_papers(small_config, stores, on, weight):
    stage = stage_of(small_config, theme_loss_on=on, theme_loss_weight=weight, batch_size=1000)
    network = build(stage.config)
    (batch,) = stage.dataset(stores["validation"], None, 0)
    inputs, targets, weights = batch
    network.compile(**stage.compile_arguments())
    found = network.evaluate(inputs, targets, sample_weight=weights, batch_size=1000,
                             verbose=0, return_dict=True)  # fmt: skip
    answers = network(inputs)
    label, logit = targets["match"].numpy(), answers["match"].numpy()[:, 0]
    match = np.mean(np.logaddexp(0, logit) - label * logit)
    log_p = tf.nn.log_softmax(answers["theme"]).numpy()
    entropy = -log_p[np.arange(len(label)), targets["theme"]]
    w = 2 * label if on == "positives" else np.ones_like(label)
    assert found["loss"] == pytest.approx(match + weight * np.mean(w * entropy), abs=FLOAT32)


def test_label_smoothing_is_keras_own():
    rng = np.random.default_rng(0)
    logits, theme = rng.normal(size=(6, 5)).astype("float32"), rng.integers(0, 5, 6)
    expected = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)(
        np.eye(5)[theme], logits
    )
    assert float(ThemeLoss(0.1)(theme, logits)) == pytest.approx(float(expected), abs=1e-6)
    loss = ThemeLoss.from_config(ThemeLoss(0.1).get_config())
    assert loss.label_smoothing == 0.1


@pytest.mark.parametrize("name", ["theme", "correspondence"])
def test_positives_are_the_videos_themselves(small_config, stores, name):
    stage = stage_of(small_config, name, variant="ti-avc")
    store = stores["train"]
    negatives, positives = pairs_of(stage, store, 0)
    assert positives == {(i, i) for i in range(len(store))}
    assert bool(negatives) == (name == "correspondence")


def test_the_theme_learner_may_train_on_all_pairs(small_config, stores):
    stage = stage_of(small_config, "theme", variant="ti-avc", theme_stage_on="all")
    negatives, positives = pairs_of(stage, stores["train"], 0)
    assert len(negatives) == len(positives) == len(stores["train"])


def test_fresh_negatives_are_others_in_every_epoch(small_config, stores):
    stage = stage_of(small_config)
    first, second = (pairs_of(stage, stores["train"], epoch)[0] for epoch in (0, 1))
    assert len(first & second) < 0.1 * len(first)


def test_fixed_negatives_stay_and_come_in_another_order(small_config, stores):
    stage, store = stage_of(small_config, negatives="fixed"), stores["train"]
    assert pairs_of(stage, store, 0) == pairs_of(stage, store, 5)
    assert not np.array_equal(stage.draw(store, 0, 0)[0], stage.draw(store, 5, 0)[0])
    assert pairs_of(stage, store, 0) != pairs_of(stage, store, 0, seed=1)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_share_of_negatives_of_the_same_theme_is_for_training_alone(small_config, stores, share):
    store = stores["train"]
    chance = np.sum((np.bincount(store.columns["theme"]) / len(store)) ** 2)
    stage = stage_of(small_config, same_theme_share=share)
    audio, visual, label = stage.draw(store, 0, 0)
    found = np.mean((store.columns["theme"][audio] == store.columns["theme"][visual])[label == 0])
    assert found == pytest.approx(share + (1 - share) * chance, abs=0.08)  # 235 negatives
    plain = stage_of(small_config).draw(stores["validation"], None, 0)
    for a, b in zip(stage.draw(stores["validation"], None, 0), plain, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["theme", "correspondence", "alignment", "pairs"])
def test_an_epochs_batches_depend_on_its_number_and_the_seed_alone(small_config, stores, name):
    variant = "joint" if name == "pairs" else "ti-avc"
    stage = stage_of(small_config, name, variant=variant, alignment_epochs=1)
    store, counter = stores["validation"], tf.Variable(0, dtype=tf.int64)
    dataset = epochs_of(stage, store, counter, 3)

    def first(data):
        return [np.asarray(x) for x in tf.nest.flatten(next(iter(data)))]

    for epoch in (2, 0):  # as a fit that begins anywhere
        counter.assign(epoch)
        for a, b in zip(first(dataset), first(stage.dataset(store, epoch, 3)), strict=True):
            np.testing.assert_array_equal(a, b)
    assert int(dataset.cardinality()) == len(list(dataset))
    others = first(stage.dataset(store, 1, 3)), first(stage.dataset(store, 0, 4))
    for other in others:
        assert any(a.shape != b.shape or (a != b).any()
                   for a, b in zip(first(dataset), other, strict=True))  # fmt: skip


def test_every_batch_mixes_both_classes(small_config, stores):
    stage = stage_of(small_config, batch_size=32)
    for _, targets, _ in stage.dataset(stores["train"], 0, 0):
        assert 0 < np.mean(targets["match"]) < 1


def test_audio_is_cropped(small_config, stores):
    stage = stage_of(small_config, max_steps=5)
    for inputs, _, _ in stage.dataset(stores["train"], 0, 0):
        assert inputs["audio"].shape[1] <= 5
        assert tf.reduce_max(inputs["audio_length"]) <= 5


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_frozen_embeddings_give_the_whole_networks_answers(
    small_config, stores, tiny_source, tmp_path, dropout
):
    stage = stage_of(small_config, "correspondence", variant="ti-avc", dropout=dropout)
    network = build(stage.config)
    examples = TiAVCSystem().read(tiny_source, "validation", stage.config)
    frozen = stage.prepare(network, lambda: stage.load(examples), tmp_path)
    trainee = stage.trainee(network)
    audio, visual, label = stage.draw(stores["validation"], None, 0)
    batch = gather_pairs(stores["validation"], audio, visual)
    expected = network(batch, training=False)["match"]
    found = [
        trainee(inputs, training=False)["match"] for inputs, _ in stage.dataset(frozen, None, 0)
    ]
    np.testing.assert_allclose(np.concatenate(found), expected, atol=FLOAT32)
    assert len(label) == len(expected)


def test_frozen_embeddings_are_computed_once(small_config, tiny_source, tmp_path):
    stage = stage_of(small_config, "correspondence", variant="ti-avc")
    examples = TiAVCSystem().read(tiny_source, "validation", stage.config)
    first = stage.prepare(build(stage.config), lambda: stage.load(examples), tmp_path)
    before = (tmp_path / "frozen_embeddings.npz").stat().st_mtime_ns
    again = stage.prepare(build(stage.config), None, tmp_path)  # reads no example
    rows = np.arange(len(first))
    np.testing.assert_array_equal(
        first.gather({"audio": rows})["audio"], again.gather({"audio": rows})["audio"]
    )
    assert (tmp_path / "frozen_embeddings.npz").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("options", "kind", "decay"),
    [({}, "Adam", None), ({"optimizer": "adamw", "weight_decay": 0.01}, "AdamW", 0.01)],
)
def test_optimizers(small_config, options, kind, decay):
    arguments = stage_of(small_config, learning_rate=3e-3, **options).compile_arguments()
    optimizer = arguments["optimizer"]
    assert type(optimizer).__name__ == kind
    assert float(optimizer.learning_rate) == pytest.approx(3e-3)
    assert optimizer.weight_decay == decay
