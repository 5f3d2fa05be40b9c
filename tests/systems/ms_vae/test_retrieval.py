"""Localisation and retrieval of coded videos against runs of the published scripts."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.systems.ms_vae.retrieval import (
    TASKS,
    chances,
    draw_segments,
    mean_reciprocal_ranks,
    published_reciprocal_ranks,
)
from kavc.systems.ms_vae.scoring import Coded, Space
from kavc.systems.ms_vae.videos import Videos

BOTH = (Space("latent"), Space("pair"))
PUBLISHED = (Space("latent", 0.5), Space("pair", 0.5, squared=True))
ORDER = {"A-A": 0, "A-V": 1, "V-A": 2, "V-V": 3}  # columns of the arrays


@pytest.fixture(scope="module")
def coded(golden_ave):
    event = golden_ave["event"] == 1
    nothing = np.zeros((len(event), 10, 1), "float32")
    ids = np.arange(len(event)).astype("S")
    videos = Videos(ids, nothing, nothing, event, golden_ave["category"].astype(int))
    names = {"latent": "mu", "pair": "rec_from"}
    codes = [
        {space: np.float64(golden_ave[f"{name}_{x}"]) for space, name in names.items()}
        for x in "av"
    ]
    return Coded(videos, *codes, BOTH)


def test_queries_are_the_events(coded, golden_ave):
    videos = coded.videos
    assert len(videos.queries) == 402
    np.testing.assert_array_equal(videos.start, golden_ave["start"])
    np.testing.assert_array_equal(videos.length, golden_ave["length"])


def test_localisation(coded, golden_ave):
    found = coded.found(coded.between())
    for way in ("a2v", "v2a"):
        np.testing.assert_array_equal(found[way], golden_ave[f"paper_pred_{way}"])
        hits = coded.accuracy(found)[way]
        assert 100 * hits.mean() == golden_ave[f"paper_acc_{way}"]


def test_localisation_by_wasserstein_of_the_gaussians(coded, golden_ave):
    codes = [
        {
            "latent": np.concatenate(
                [golden_ave[f"mu_{x}"], np.exp(np.float64(golden_ave[f"logvar_{x}"]) / 2)], axis=-1
            ),
            "pair": np.float64(golden_ave[f"rec_from_{x}"]),
        }
        for x in "av"
    ]
    other = Coded(coded.videos, *codes, BOTH)
    found = other.found(other.between())
    for way in ("a2v", "v2a"):
        np.testing.assert_array_equal(found[way], golden_ave[f"w2_pred_{way}"])


def test_pictures_of_another_video(coded, golden_ave):
    half = Coded(coded.videos, coded.audio, coded.visual,
                 (Space("latent", 0.5), Space("pair", 0.5)))  # fmt: skip
    hits = half.accuracy(half.found(half.between(golden_ave["shuffle_perm"])))
    found = [100 * hits[way].mean() for way in ("a2v", "v2a")]
    np.testing.assert_allclose(found, golden_ave["shuffled_acc"])


@pytest.mark.parametrize(
    ("name", "spaces", "of"),
    [
        ("paper", BOTH, mean_reciprocal_ranks),
        ("pub_intended", PUBLISHED, mean_reciprocal_ranks),
        ("pub_script", PUBLISHED, published_reciprocal_ranks),
    ],
)
def test_mean_reciprocal_ranks(coded, golden_ave, name, spaces, of):
    rows = np.arange(402)
    for draw, segments in enumerate(golden_ave["draws"].astype(int)):
        found = of(coded, segments, rows, spaces)
        assert list(found) == list(TASKS)
        for task, column in ORDER.items():
            expected = golden_ave[f"mrr_{name}"][draw, column]
            np.testing.assert_allclose(found[task].mean(), expected, 1e-12, err_msg=task)


def test_draws_are_of_the_events_and_even():
    event = np.zeros((3, 10), bool)
    event[0, 2:5], event[1, 9] = True, True
    nothing = np.zeros((3, 10, 1), "float32")
    videos = Videos(np.arange(3).astype("S"), nothing, nothing, event, np.zeros(3, int))
    rows, drawn = draw_segments(videos, 3000)
    assert rows.tolist() == [0, 1]
    assert set(drawn[:, 1]) == {9}
    counts = np.bincount(drawn[:, 0], minlength=10)
    assert counts[2:5].sum() == 3000
    assert abs(counts[2:5] - 1000).max() < 5 * (3000 * 2 / 9) ** 0.5
    np.testing.assert_array_equal(draw_segments(videos, 3000)[1], drawn)


def test_chance_of_the_real_test_videos(coded):
    found = chances(coded.videos.label)
    assert {task: round(value, 3) for task, value in found.items()} == {
        "A-A": 0.162, "A-V": 0.168, "V-A": 0.168, "V-V": 0.162,
    }  # fmt: skip
