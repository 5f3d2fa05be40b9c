"""The fit of a parser: its batches, rates, trainee, and what it is told of."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.data.store import VideoStore
from kavc.errors import DataError
from kavc.evaluation.parsing_monitor import ParsingMonitor
from kavc.optimizers import TorchAdam
from kavc.systems.av_parsing.config import HAN_TRAINING, AVParsingConfig
from kavc.systems.av_parsing.recipe import build, stages
from kavc.systems.av_parsing.stages import learning_rate, optimizer
from kavc.systems.av_parsing.trainees import Adversarial, Weak
from kavc.systems.av_parsing.videos import truth

VIDEOS, SEGMENTS, CLASSES, BATCH = 11, 3, 4, 4
SMALL = {
    "classes": CLASSES, "audio_dim": 5, "visual_dim": 6, "visual_3d_dim": 7, "dim": 8, "units": 8,
    "segments": SEGMENTS, "batch_size": BATCH,
}  # fmt: skip
FLOAT32 = 1e-6  # of the rates


def small_store(videos=VIDEOS):
    """Every number of a video is its own, so that a batch shows who is in it."""
    rng = np.random.default_rng(0)
    every = np.full(videos, SEGMENTS)
    rows = np.repeat(np.arange(videos, dtype="float32"), SEGMENTS)[:, None]
    sequences = {
        name: (np.tile(rows, width), every)
        for name, width in (("audio", 5), ("visual", 6), ("visual_3d", 7))
    }
    for name in ("audio_events", "visual_events"):
        sequences[name] = (np.float32(rng.random((videos * SEGMENTS, CLASSES)) < 0.5), every)
    ids = np.array([f"video {at}".encode() for at in range(videos)])
    return VideoStore(ids, sequences, {"labels": rng.random((videos, CLASSES)).astype("float32")})


@pytest.fixture(scope="module")
def store():
    return small_store()


def small_config(**options):
    return AVParsingConfig().replace(**SMALL | options)


def prepared(tmp_path, store, **options):
    """A stage that knows its training split, as a fit makes it, and its network."""
    config = small_config(**options)
    (stage,) = stages(config)
    network = build(config)
    for split in ("train", "validation"):
        videos = store if split == "train" else small_store(3)
        assert stage.prepare(network, lambda videos=videos: videos, tmp_path / split) is videos
    return stage, network


# === Batches ===


def rows_of(dataset):
    """The videos of each batch; all inputs of a batch must be of the same ones."""
    found = []
    for inputs, _ in dataset.as_numpy_iterator():
        assert {name: x.shape[1:] for name, x in inputs.items()} == {
            "audio": (SEGMENTS, 5), "visual": (SEGMENTS, 6), "visual_3d": (SEGMENTS, 7),
        }  # fmt: skip
        rows = inputs["audio"][:, 0, 0]
        for x in inputs.values():
            np.testing.assert_array_equal(x, np.broadcast_to(rows[:, None, None], x.shape))
        found.append(rows.astype(int).tolist())
    return found


def order_of(dataset):
    return np.concatenate(rows_of(dataset)).tolist()


def test_an_epoch_has_every_video_once_and_keeps_its_last_batch(store):
    (stage,) = stages(small_config())
    batches = rows_of(stage.dataset(store, 0, 7))
    assert [len(batch) for batch in batches] == [4, 4, 3]
    assert sorted(np.concatenate(batches)) == list(range(VIDEOS))


def test_the_order_is_another_in_each_epoch_and_with_each_seed(store):
    (stage,) = stages(small_config())
    first, *others = (order_of(stage.dataset(store, *key)) for key in ((0, 7), (1, 7), (0, 8)))
    assert len({tuple(order) for order in (first, *others, range(VIDEOS))}) == 4
    assert order_of(stage.dataset(store, 0, 7)) == first


def test_validation_is_in_the_order_of_the_split(store):
    (stage,) = stages(small_config())
    assert order_of(stage.dataset(store, None, 7)) == list(range(VIDEOS))


def test_labels_are_those_of_the_videos(store):
    (stage,) = stages(small_config())
    for inputs, targets in stage.dataset(store, 3, 7).as_numpy_iterator():
        rows = inputs["audio"][:, 0, 0].astype(int)
        assert targets.keys() == {"video", "audio", "visual"}
        for labels in targets.values():
            np.testing.assert_array_equal(labels, store.columns["labels"][rows])


# === Rates ===


def rates(config, steps, epochs):
    """The rate of each step, a row an epoch."""
    schedule = learning_rate(config, steps, epochs)
    return np.array([float(schedule(at)) for at in range(steps * epochs)]).reshape(epochs, steps)


@pytest.mark.parametrize(
    ("config", "first", "factor", "every"),
    [
        (AVParsingConfig().replace(**HAN_TRAINING), 3e-4, 0.1, 10),
        (AVParsingConfig(), 3e-4, 0.5, 5),
        (AVParsingConfig.preset("published-code"), 6e-4, 0.5, 6),
    ],
    ids=["HAN", "paper", "published code"],
)
def test_the_rate_falls_by_epochs(config, first, factor, every):
    found = rates(config, 3, 40)
    for epoch in range(1, 41):
        expected = first * factor ** ((epoch - 1) // every)
        np.testing.assert_allclose(found[epoch - 1], expected, rtol=FLOAT32)
    changes = [epoch for epoch in range(2, 41) if found[epoch - 1, 0] < 0.99 * found[epoch - 2, -1]]
    assert changes == list(range(1 + every, 41, every))


def test_a_cosine_ends_at_zero():
    config = small_config(schedule="cosine", learning_rate=0.25)
    found = rates(config, 5, 8).reshape(-1)
    np.testing.assert_allclose(found, 0.125 * (1 + np.cos(np.pi * np.arange(40) / 40)), atol=1e-7)
    assert float(learning_rate(config, 5, 8)(40)) == pytest.approx(0, abs=1e-8)


def test_a_cosine_may_warm_up():
    config = small_config(schedule="cosine", learning_rate=0.25, warm_up_epochs=2)
    found = rates(config, 5, 8).reshape(-1)
    np.testing.assert_allclose(found[:11], 0.25 * np.linspace(0.01, 1, 11), rtol=1e-5)
    left = np.arange(30) / 30
    np.testing.assert_allclose(found[10:], 0.125 * (1 + np.cos(np.pi * left)), atol=1e-7)
    assert float(learning_rate(config, 5, 8)(40)) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_warm_up_that_is_too_long_leaves_an_epoch(epochs):
    """As in the early rounds of a sweep that gives few epochs."""
    config = small_config(schedule="cosine", learning_rate=0.25, warm_up_epochs=5)
    found = rates(config, 4, epochs)
    assert found.max() == pytest.approx(0.25) and found.argmax() == 4 * (epochs - 1)
    assert np.isfinite(found).all() and (found > 0).all()


# === Trainee and optimizer ===


def test_steps_of_an_epoch_are_those_of_the_training_split(tmp_path, store):
    stage, _ = prepared(tmp_path, store)
    assert stage.steps == len(rows_of(stage.dataset(store, 0, 7))) == 3
    assert prepared(tmp_path, small_store(8))[0].steps == 2


@pytest.mark.parametrize("variant", ["han", "base", "base-gcaa"])
def test_without_an_adversary(tmp_path, store, variant):
    options = {"guided_weight": 0.7, "audio_keep": 0.9, "visual_keep": 0.8}
    stage, network = prepared(tmp_path, store, variant=variant, **options)
    trainee = stage.trainee(network)
    assert type(trainee) is Weak and trainee.network is network
    assert {name: getattr(trainee, name) for name in options} == options


@pytest.mark.parametrize("variant", ["base-adv-skip", "base-adv-skip-gcaa"])
@pytest.mark.parametrize("start", [0, 1])
def test_the_adversary_follows_the_plan_of_the_fit(tmp_path, store, variant, start):
    options = {"guided_weight": 0.7, "audio_keep": 0.9, "visual_keep": 0.8}
    options |= {"adversarial_weight": 0.3}
    stage, network = prepared(
        tmp_path, store, variant=variant, reversal_from=start, epochs=40, **options
    )
    stage.epochs = 5  # as a sweep sets it
    trainee = stage.trainee(network)
    assert type(trainee) is Adversarial
    assert {name: getattr(trainee, name) for name in options} == options
    for step in (0, 7, 15):  # of 15
        trainee.steps.assign(step)
        expected = 2 / (1 + np.exp(-10 * (step + 3 * start) / 15)) - 1
        assert float(trainee.strength()) == pytest.approx(expected, abs=1e-6)


def test_the_rate_follows_the_plan_of_the_fit(tmp_path, store):
    stage, _ = prepared(tmp_path, store, schedule="cosine", epochs=40, learning_rate=0.25)
    stage.epochs = 4
    made = stage.compile_arguments()["optimizer"]
    assert isinstance(made, TorchAdam)
    made.build([keras.Variable([0.0])])
    made.iterations.assign(6)  # of 12
    assert float(made.learning_rate) == pytest.approx(0.125)


@pytest.mark.parametrize(
    ("options", "kind", "clip", "decay"),
    [
        ({}, TorchAdam, None, None),
        ({"clip_norm": 2.0}, TorchAdam, 2.0, None),
        (
            {"optimizer": "adamw", "weight_decay": 0.1, "clip_norm": 1.0},
            keras.optimizers.AdamW,
            1.0,
            0.1,
        ),
    ],
)
def test_optimizers(options, kind, clip, decay):
    made = optimizer(small_config(**options), 3, 40)
    assert type(made) is kind
    assert (made.global_clipnorm, made.weight_decay) == (clip, decay)


@pytest.mark.parametrize("gate", ["video", "modality"])
def test_held_out_videos_are_parsed_after_each_epoch(tmp_path, store, gate):
    stage, _ = prepared(tmp_path, store, gate=gate)
    (monitor,) = stage.callbacks(store)
    assert isinstance(monitor, ParsingMonitor) and monitor.gate == gate
    np.testing.assert_array_equal(monitor.truth, truth(store, SEGMENTS))
    np.testing.assert_array_equal(monitor.inputs["audio"][:, 0, 0], np.arange(VIDEOS))
    assert (stage.monitor, stage.direction) == stage.headline
    assert stage.headline == ("val_segment_type_at_av", "max")


# === Mixed videos ===


def test_mixed_videos_are_so_in_features_and_labels(tmp_path, store):
    """Every number of a video is its own, so a share of two shows in it."""
    (stage,) = stages(small_config(mixup=0.5))
    labels = store.columns["labels"]
    mixed = 0
    for inputs, targets in stage.dataset(store, 0, 7).as_numpy_iterator():
        for x in inputs.values():  # one share for all of a video's features
            np.testing.assert_allclose(x, np.broadcast_to(x[:, :1, :1], x.shape), FLOAT32)
        values = inputs["audio"][:, 0, 0]
        for value, label in zip(values, targets["video"], strict=True):
            shares = (value - np.arange(VIDEOS)[:, None]) / (
                np.arange(VIDEOS) - np.arange(VIDEOS)[:, None] + 1e-9
            )
            found = (1 - shares)[..., None] * labels[:, None] + shares[..., None] * labels
            fits = np.isclose(found, label, atol=1e-5).all(axis=-1)
            assert fits.any()
            mixed += value != round(value)
    assert mixed > VIDEOS / 2


def test_validation_is_not_mixed(store):
    (stage,) = stages(small_config(mixup=0.5))
    assert order_of(stage.dataset(store, None, 7)) == list(range(VIDEOS))


def test_validation_of_which_nothing_is_known_is_refused_before_the_fit(tmp_path, store):
    (stage,) = stages(small_config())
    unknown = small_store(3)
    unknown.lengths["audio_events"] = np.array([SEGMENTS, 0, SEGMENTS], "int32")
    with pytest.raises(DataError, match=r"'validation': video 'video 1' has no rows of 'audio_ev"):
        stage.prepare(build(small_config()), lambda: unknown, tmp_path / "validation")
