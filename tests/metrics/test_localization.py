"""Cross-modal localisation against loops, and against numbers of the published script."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.metrics.localization import (
    localization_chance,
    localization_scores,
    localize,
    window_costs,
)

SEGMENTS = 10


@pytest.fixture
def videos():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, SEGMENTS + 1, 40)
    starts = rng.integers(0, SEGMENTS + 1 - lengths)
    return rng.random((40, SEGMENTS, SEGMENTS)), starts, lengths


def test_costs_against_a_loop(videos):
    distances, starts, lengths = videos
    found = window_costs(*videos)
    for v, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        for t in range(SEGMENTS):
            if t > SEGMENTS - length:
                assert found[v, t] == np.inf
            else:
                expected = sum(distances[v, start + k, t + k] for k in range(length))
                assert abs(found[v, t] - expected) < 1e-12


def test_a_query_that_is_nowhere_nearer_is_found_where_it_is():
    distances = np.abs(np.arange(10)[:, None] - np.arange(10))[None].repeat(3, axis=0)
    starts, lengths = np.array([0, 3, 8]), np.array([2, 5, 2])
    np.testing.assert_array_equal(localize(distances, starts, lengths), starts)
    scores = localization_scores(distances, starts, lengths)
    assert scores["a2v"].all() and scores["v2a"].all()


def test_of_equal_windows_the_first_is_taken():
    assert localize(np.zeros((1, 4, 4)), np.array([2]), np.array([2])).tolist() == [0]


def test_a_query_of_the_whole_video_has_one_place():
    costs = window_costs(np.ones((1, 3, 3)), np.array([0]), np.array([3]))
    assert costs.tolist() == [[3, np.inf, np.inf]]


def test_directions_swap_with_the_modalities(videos):
    distances, starts, lengths = videos
    one = localization_scores(distances, starts, lengths)
    other = localization_scores(distances.swapaxes(1, 2), starts, lengths)
    np.testing.assert_array_equal(one["a2v"], other["v2a"])
    np.testing.assert_array_equal(one["v2a"], other["a2v"])


@pytest.mark.parametrize(("start", "length"), [(0, 0), (-1, 2), (9, 2), (0, 11)])
def test_a_query_that_leaves_its_video_is_refused(start, length):
    with pytest.raises(ValueError, match="each query has 1 to 10 segments"):
        window_costs(np.zeros((1, 10, 10)), np.array([start]), np.array([length]))


def test_random_distances_find_as_many_as_chance_says():
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 10, 20_000)
    starts = rng.integers(0, SEGMENTS + 1 - lengths)
    found = localization_scores(rng.random((20_000, 10, 10)), starts, lengths)
    chance = localization_chance(lengths)
    error = (chance * (1 - chance) / 20_000) ** 0.5
    assert abs(found["a2v"].mean() - chance) < 4 * error


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "ave_cml.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.mark.parametrize("way", ["a2v", "v2a"])
@pytest.mark.parametrize(("kind", "weight"), [("pub", 0.5), ("paper", 1.0)])
def test_against_the_published_script(golden, kind, weight, way):
    distances = weight * sum(
        np.linalg.norm(
            np.float64(golden[f"{name}_a"])[:, :, None] - np.float64(golden[f"{name}_v"])[:, None],
            axis=-1,
        )
        for name in ("mu", "rec_from")
    )
    query = distances if way == "a2v" else distances.swapaxes(1, 2)
    starts, lengths = golden["start"], golden["length"]
    costs = window_costs(query, starts, lengths)
    scores = golden[f"{kind}_score_{way}"]
    np.testing.assert_array_equal(np.isinf(costs), np.isnan(scores))
    np.testing.assert_allclose(costs[np.isfinite(costs)], scores[~np.isnan(scores)], 1e-6)
    np.testing.assert_array_equal(localize(query, starts, lengths), golden[f"{kind}_pred_{way}"])
    found = 100 * localization_scores(distances, starts, lengths)[way].mean()
    assert found == golden[f"{kind}_acc_{way}"]


def test_chance_of_the_real_queries(golden):
    assert round(100 * localization_chance(golden["length"]), 2) == 20.77
