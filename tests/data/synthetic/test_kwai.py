"""The KWAI-like corpus follows its model, its seeds and its published layout."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kavc.data.layouts import View
from kavc.data.pairing import distinct
from kavc.data.source import Source
from kavc.data.synthetic.kwai import KwaiWorld, Truth, write
from kavc.data.synthetic.kwai_knobs import KNOB_SETS, KwaiKnobs, knobs
from kavc.errors import ConfigError, DataError
from kavc.systems.ti_avc.videos import load_videos

SMALL = {"audio_dim": 24, "visual_dim": 40}


@pytest.fixture(scope="module")
def world() -> KwaiWorld:
    return KwaiWorld(knobs(**SMALL), world_seed=3)


@pytest.fixture(scope="module")
def drawn(world):
    examples, truths = zip(*world.sample(1500, 5), strict=True)
    return examples, Truth.stack(truths)


@pytest.mark.parametrize("name", KNOB_SETS)
def test_every_named_set_is_valid_and_makes_videos(name):
    k = knobs(name)
    example, _ = KwaiWorld(k).video(0, 0)
    assert example["visual"].shape == (k.frames, k.visual_dim)
    assert example["audio"].shape[1] == k.audio_dim


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("themes", 0), ("themes", 2.0), ("themes", True), ("frames", "8"), ("themeless", 1.5),
        ("audio_theme", -1.0), ("audio_noise", float("nan")), ("flag", float("inf")),
        ("min_steps", 25), ("shared_dim", 17), ("latent_dim", 128),
    ],
)  # fmt: skip
def test_knobs_out_of_range(knob, value):
    with pytest.raises(ConfigError, match=f"knob .*{knob}|knob latent_dim"):
        KwaiKnobs(**{knob: value})


def test_unknown_names_point_at_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'default'"):
        knobs("defualt")
    with pytest.raises(ConfigError, match="did you mean 'themes'"):
        knobs(theems=3)


def test_default_is_set_q_with_the_noise_that_it_had_over_fewer_features():
    default, q = knobs(), knobs("Q")
    assert dataclasses.replace(q, audio_noise=0.6, visual_noise=0.3) == default
    for noise, width, narrow in (
        (default.audio_noise, default.audio_dim, 48 * q.audio_noise**2),
        (default.visual_noise, default.visual_dim, 96 * q.visual_noise**2),
    ):
        assert noise**2 * width == pytest.approx(narrow, rel=0.25)  # rounded to one digit


def test_constants_have_the_shape_of_the_model(world):
    k = world.knobs
    for basis in (
        world.audio_shared_map,
        world.visual_shared_map,
        world.visual_map,
        np.c_[world.audio_map, world.flag],
    ):
        np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
    for rows, length in (
        (world.audio_prototypes, 1),
        (world.backgrounds, k.background_norm),
        (world.themeless_pictures, k.themeless_norm),
    ):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), length)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.97])
def test_cosine_within_a_family_is_its_share(share):
    k = knobs(themes=200, families=2, latent_dim=100, audio_family=share)
    cosine = (prototypes := KwaiWorld(k).audio_prototypes) @ prototypes.T
    same = (np.arange(200)[:, None] - np.arange(200)) % 2 == 0
    off = same & ~np.eye(200, dtype=bool)
    assert cosine[off].mean() == pytest.approx(share, abs=0.05)  # one draw of two family vectors
    assert cosine[~same].mean() == pytest.approx(0, abs=0.35)  # one cosine in 100 dimensions


def test_videos_depend_on_world_seed_and_index_alone(world):
    again = KwaiWorld(knobs(**SMALL), world_seed=3)
    first = {k: np.asarray(v) for k, v in world.video(5, 7)[0].items()}
    second = {k: np.asarray(v) for k, v in list(again.sample(9, 5))[7][0].items()}
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    others = [world.video(5, 8), world.video(6, 7), KwaiWorld(knobs(**SMALL), 4).video(5, 7)]
    for other, _ in others:
        assert other["id"] != first["id"]
        assert not np.array_equal(other["visual"], first["visual"])


def test_shares_and_lengths(drawn, world):
    examples, truth = drawn
    k, n = world.knobs, len(drawn[0])
    steps = np.array([len(example["audio"]) for example in examples])
    heard = steps > 0
    for share, expected in (
        (truth.themeless.mean(), k.themeless),
        (1 - heard.mean(), k.missing),
        (1 - truth.informative.sum() / steps.sum(), k.distractor),
    ):
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / n)
    counts = np.bincount(truth.theme, minlength=k.themes) / n
    np.testing.assert_allclose(counts, world.theme_probability, atol=4 * np.sqrt(0.25 / n))
    assert steps[heard].min() >= k.min_steps and steps.max() <= k.max_steps
    assert abs(np.median(steps[heard]) - k.median_steps) <= 1
    assert np.all(truth.informative.any(axis=1) == heard)
    assert not truth.informative[np.arange(k.max_steps) >= steps[:, None]].any()
    assert np.all((truth.picture >= 0) == truth.themeless)


def test_features_give_back_the_statistics(drawn, world):
    examples, truth = drawn
    for i in range(50):
        if not len(examples[i]["audio"]):
            continue
        audio = examples[i]["audio"][truth.informative[i, : len(examples[i]["audio"])]]
        visual = np.log(np.expm1(examples[i]["visual"].astype(float))) - world.visual_bias
        # float32 features; softplus loses a few more digits where it is nearly 0
        assert audio.mean(axis=0) @ world.audio_map == pytest.approx(truth.audio_mean[i], abs=1e-5)
        assert visual.mean(0) @ world.visual_map == pytest.approx(truth.visual_mean[i], abs=1e-4)


def test_moments_are_the_models(drawn, world):
    _, truth = drawn
    k = world.knobs
    own = truth.visual_mean[~truth.themeless]
    residual = own - k.visual_theme * world.visual_prototypes[truth.theme[~truth.themeless]]
    shared = k.visual_shared * world.visual_shared_map
    expected = shared @ shared.T + (k.visual_private**2 + k.visual_noise**2 / k.frames) * np.eye(
        k.latent_dim
    )
    error = 5 * 0.75 / np.sqrt(len(own))  # five standard errors of a variance of at most 0.75
    np.testing.assert_allclose(residual.T @ residual / len(own), expected, atol=1.5 * error)
    np.testing.assert_allclose(residual.mean(axis=0), 0, atol=error)
    projected = truth.shared[~truth.themeless].T @ residual / len(own)
    np.testing.assert_allclose(projected, shared.T, atol=1.5 * error)


def test_only_distractors_bear_the_flag(drawn, world):
    examples, truth = drawn
    for example, informative in zip(examples[:200], truth.informative[:200], strict=True):
        flagged = example["audio"] @ world.flag
        k = world.knobs
        assert np.all(np.abs(flagged - k.flag * ~informative[: len(flagged)]) < 5 * k.audio_noise)


def test_all_steps_distractors_leaves_one():
    world = KwaiWorld(knobs(**SMALL, distractor=1.0, missing=0.0))
    for _, truth in world.sample(20, 0):
        assert truth["informative"].sum() == 1


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kwai") / "corpus"
    write(folder, knobs(**SMALL, missing=0.1), videos=100, world_seed=2, sample_seed=4)
    return folder


def test_corpus_is_read_by_the_reader_of_real_ones(corpus):
    found = Source.parse(f"synthetic:{corpus}").describe(View(theme=True))
    assert found["counts"] == {"train": 80, "validation": 10, "test": 10}
    assert found["widths"] == {"audio": 24, "visual": 40}
    assert len(found["classes"]) == 12


@pytest.mark.parametrize(("split", "seed"), [("train", 12), ("validation", 13), ("test", 14)])
def test_world_and_truth_can_be_made_again(corpus, split, seed):
    world, truth = KwaiWorld.read(corpus), Truth.read(corpus, split)
    assert world.world_seed == 2 and world.knobs == knobs(**SMALL, missing=0.1)
    videos = Source.parse(f"synthetic:{corpus}").read(split, View(theme=True)).as_numpy_iterator()
    drawn = world.sample(len(truth), seed)
    for stored, (video, row), i in zip(videos, drawn, range(len(truth)), strict=True):
        for name in ("id", "theme", "audio", "visual"):
            np.testing.assert_array_equal(stored[name], video[name])
        np.testing.assert_array_equal(truth.audio_mean[i], row["audio_mean"])


def test_splits_share_no_video(corpus):
    ids = np.concatenate([Truth.read(corpus, s).ids for s in ("train", "validation", "test")])
    assert len(distinct(ids)) == 100


def test_truth_follows_a_store(corpus):
    store = load_videos(Source.parse(f"synthetic:{corpus}").read("train", View(theme=True)))
    assert store.dropped["without audio"] > 0
    truth = Truth.read(corpus, "train").select(store.ids)
    np.testing.assert_array_equal(truth.theme, store.columns["theme"])
    assert truth.informative.any(axis=1).all()
    with pytest.raises(DataError, match="no truth"):
        truth.select(np.array([b"unknown"]))


def test_more_test_videos(tmp_path):
    write(tmp_path / "corpus", knobs(**SMALL), videos=20, test_videos=30)
    assert [len(Truth.read(tmp_path / "corpus", s)) for s in ("train", "test")] == [16, 30]


@pytest.mark.parametrize(
    "wrong",
    [{"videos": 10}, {"fractions": (0.9, 0.2, 0.1)}, {"world_seed": -1}, {"sample_seed": 0.5}],
)
def test_wrong_arguments_leave_nothing_behind(tmp_path, wrong):
    with pytest.raises(ConfigError):
        write(tmp_path / "corpus", knobs(**SMALL), **{"videos": 100, **wrong})
    assert not list(tmp_path.iterdir())


def test_existing_folder_is_left_alone(corpus):
    with pytest.raises(DataError, match="exists"):
        write(corpus, knobs(**SMALL), videos=100)


def test_damaged_descriptions(corpus, tmp_path):
    (tmp_path / "corpus.json").write_text('{"world": {"knobs": {"theems": 1}, "world_seed": 0}}')
    with pytest.raises(DataError, match="theems"):
        KwaiWorld.read(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        Truth.read(tmp_path, "test")
    (tmp_path / "truth-test.npz").write_bytes((corpus / "truth-test.npz").read_bytes()[:-100])
    with pytest.raises(DataError, match="not readable"):
        Truth.read(tmp_path, "test")


def test_every_knob_is_described():
    words = KwaiKnobs.__doc__
    assert all(field.name in words for field in dataclasses.fields(KwaiKnobs))
