from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.metrics.clustering import MOST, cluster, profile_correlation


def test_correlations_are_pearson_s():
    profiles = np.random.default_rng(0).normal(size=(6, 9)) * 3 + 5
    found = profile_correlation(profiles)
    np.testing.assert_allclose(found.r, np.corrcoef(profiles), atol=1e-12)
    np.testing.assert_array_equal(found.r, found.r.T)
    np.testing.assert_array_equal(np.diag(found.r), 1.0)
    assert not found.constant.any()


def test_a_constant_profile_is_told_and_has_no_correlation():
    profiles = np.array([[1, 2, 3], [4, 4, 4], [0.1, 0.1, 0.1 + 1e-17], [3, 2, 1]])
    found = profile_correlation(profiles)
    assert found.constant.tolist() == [False, True, True, False]
    expected = np.eye(4)
    expected[0, 3] = expected[3, 0] = -1
    np.testing.assert_allclose(found.r, expected, atol=1e-12)


def test_two_blocks_are_joined_last_and_stand_apart():
    """Two waves, mixed: rows of one wave correlate at almost 1, with the other at 0."""
    random = np.random.default_rng(1)
    t = np.arange(20) * 2 * np.pi / 20
    block = np.array([0, 1, 0, 0, 1, 1, 0, 1])
    waves = np.where(block[:, None], np.sin(t), np.cos(t)) * random.uniform(1, 3, (8, 1))
    found = cluster(waves + 0.05 * random.normal(size=waves.shape))
    ordered = block[found.order]
    assert np.abs(np.diff(ordered)).sum() == 1
    # Average linkage joins them at the mean of all distances between, about 1.
    assert found.linkage[-1, 2] == pytest.approx(1.0, abs=0.05)
    assert found.linkage[:-1, 2].max() < 0.05
    two = found.cut(2)
    assert two[found.order].tolist() == [0] * 4 + [1] * 4
    assert (two == block).all() or (two != block).all()


def test_the_tree_is_that_of_average_linkage():
    profiles = [[1, 2, 3, 4], [1, 2, 3, 5], [4, 3, 2, 1], [2, 3, 1, 4]]
    distances = 1 - np.corrcoef(profiles)
    groups, heights = [(0,), (1,), (2,), (3,)], []
    while len(groups) > 1:  # by hand: join the two of the least mean distance
        pairs = [(a, b) for a in groups for b in groups if a < b]
        means = [distances[np.ix_(a, b)].mean() for a, b in pairs]
        a, b = pairs[int(np.argmin(means))]
        groups = [g for g in groups if g not in (a, b)] + [a + b]
        heights.append(min(means))
    np.testing.assert_allclose(cluster(profiles).linkage[:, 2], heights, atol=1e-12)


def orders(tree, leaves):
    """All orders of leaves that turning the branches of a tree gives."""
    for turned in product([False, True], repeat=len(tree)):
        nodes = [[leaf] for leaf in range(leaves)]
        for (left, right, *_), turn in zip(tree, turned, strict=True):
            first, second = nodes[int(left)], nodes[int(right)]
            nodes.append(second + first if turn else first + second)
        yield nodes[-1]


@pytest.mark.parametrize("seed", range(3))
def test_no_other_order_has_nearer_neighbours(seed):
    profiles = np.random.default_rng(seed).normal(size=(8, 5))
    found = cluster(profiles)
    distances = 1 - np.corrcoef(profiles)

    def length(order):
        return distances[order[:-1], order[1:]].sum()

    lengths = [length(np.array(order)) for order in orders(found.linkage, 8)]
    assert length(found.order) == pytest.approx(min(lengths), abs=1e-12)
    assert min(lengths) < max(lengths)


def test_profiles_along_a_circle_are_put_in_a_row():
    """Correlations of waves depend on their phase alone: nearer phases, nearer leaves."""
    phases = np.array([3, 0, 5, 1, 4, 2])
    t = np.arange(24) * 2 * np.pi / 24
    order = cluster(np.cos(t - 0.1 * phases[:, None])).order
    steps = np.diff(phases[order])
    assert (steps == 1).all() or (steps == -1).all()


def test_clusters_are_numbered_as_they_stand():
    profiles = np.random.default_rng(5).normal(size=(12, 6))
    found = cluster(profiles)
    for count in (1, 3, 12):
        numbers = found.cut(count)[found.order]
        assert numbers[0] == 0 and numbers[-1] == count - 1
        assert set(np.diff(numbers)) <= {0, 1}


def test_one_profile_is_a_tree_of_one():
    found = cluster([[1, 2, 3]])
    assert found.order.tolist() == [0] and found.linkage.shape == (0, 4)
    assert found.cut(4).tolist() == [0]


def test_constant_profiles_are_clustered_and_told():
    found = cluster([[1, 2, 3], [5, 5, 5], [1, 2, 4], [2, 2, 2]])
    assert found.constant.tolist() == [False, True, False, True]
    assert sorted(found.order) == [0, 1, 2, 3]
    assert found.linkage[-1, 2] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: cluster([1, 2]), r"profiles \(2,\)"),
        (lambda: cluster(np.zeros((0, 3))), r"profiles \(0, 3\)"),
        (lambda: cluster([[1, np.nan]]), r"profiles\[0, 1\] is nan"),
        (lambda: profile_correlation([["a"]]), "expected numbers"),
        (lambda: cluster(np.zeros((MOST + 1, 1))), "2,001 profiles"),
        (lambda: cluster([[1, 2]]).cut(0), "clusters is 0"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(DataError, match=message):
        call()
