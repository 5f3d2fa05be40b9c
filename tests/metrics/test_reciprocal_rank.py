"""Reciprocal ranks against sorting, chance against sampling."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.metrics.reciprocal_rank import chance_reciprocal_rank, reciprocal_ranks


def by_sorting(distances, query_labels, gallery_labels, without_self):
    found = []
    for at, row in enumerate(distances):
        items = np.delete(np.arange(len(row)), at) if without_self else np.arange(len(row))
        order = items[np.argsort(row[items], kind="stable")]
        hits = np.flatnonzero(gallery_labels[order] == query_labels[at])
        found.append(1 / (1 + hits[0]) if len(hits) else 0.0)
    return found


@pytest.mark.parametrize("without_self", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_against_sorting(without_self, ties):
    rng = np.random.default_rng(0)
    labels = rng.integers(12, size=60)
    distances = rng.integers(9, size=(60, 60)) if ties else rng.random((60, 60))
    found = reciprocal_ranks(distances, labels, labels, without_self=without_self)
    np.testing.assert_allclose(found, by_sorting(distances, labels, labels, without_self))


def test_a_label_that_no_other_has_counts_as_0():
    distances = np.random.default_rng(0).random((3, 3))
    labels = np.array([0, 0, 1])
    assert reciprocal_ranks(distances, labels, labels, without_self=True)[2] == 0


def test_galleries_of_another_size():
    distances = np.array([[0.3, 0.1, 0.2, 0.4]])
    assert reciprocal_ranks(distances, np.array([1]), np.array([1, 0, 0, 1])).tolist() == [1 / 3]


@pytest.mark.parametrize(
    ("distances", "labels", "more"),
    [
        (np.zeros((2, 3)), np.zeros(3), {}),
        (np.zeros((2, 3)), np.zeros(2), {"without_self": True}),
        (np.full((2, 2), np.nan), np.zeros(2), {}),
    ],
)
def test_what_does_not_fit_is_refused(distances, labels, more):
    with pytest.raises(ValueError, match="distances"):
        reciprocal_ranks(distances, labels, np.zeros(distances.shape[1]), **more)


@pytest.mark.parametrize(("relevant", "items"), [(1, 7), (3, 10), (10, 10), (0, 5)])
def test_chance_against_sampling(relevant, items):
    rng = np.random.default_rng(0)
    first = np.array([rng.permutation(items)[:relevant].min(initial=items) for _ in range(20_000)])
    expected = np.where(relevant > 0, 1 / (1 + first), 0.0)
    error = 5 * expected.std() / len(expected) ** 0.5 + 1e-12
    assert abs(chance_reciprocal_rank(np.array([relevant]), items)[0] - expected.mean()) < error


def test_chance_of_the_real_test_videos(shared):
    with np.load(shared / "golden" / "ave_cml.npz", allow_pickle=False) as arrays:
        category = arrays["category"]
    alike = np.bincount(category)[category]
    assert round(chance_reciprocal_rank(alike - 1, 401).mean(), 3) == 0.162
    assert round(chance_reciprocal_rank(alike, 402).mean(), 3) == 0.168
