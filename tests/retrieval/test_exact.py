"""The blocked search against a full sort, ties included."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.retrieval.exact import QUERIES, exact_search


def brute_force(queries, vectors, k):
    scores = queries @ vectors.T
    positions = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return positions, np.take_along_axis(scores, positions, 1)


def whole_numbers(seed, *shape):
    """Small whole numbers: in any order of summation the same dot products, many of them equal."""
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32)


@pytest.mark.parametrize("block", [1, 3, 10, 16, 37, 1000])
@pytest.mark.parametrize("k", [1, 4, 37])
@pytest.mark.parametrize("queries", [1, 5, QUERIES + 3])
def test_like_a_stable_sort_of_all_scores(queries, k, block):
    q, v = whole_numbers(0, queries, 4), whole_numbers(1, 37, 4)
    positions, scores = exact_search(q, v, k, block=block)
    expected = brute_force(q, v, k)
    np.testing.assert_array_equal(positions, expected[0])
    np.testing.assert_array_equal(scores, expected[1])
    assert (positions.dtype, scores.dtype) == (np.int64, np.float32)


def test_on_floats():
    rng = np.random.default_rng(2)
    q, v = (rng.normal(size=(n, 20)).astype(np.float32) for n in (9, 500))
    positions, scores = exact_search(q, v, 10, block=64)
    expected = brute_force(q.astype(float), v.astype(float), 10)
    np.testing.assert_array_equal(positions, expected[0])
    np.testing.assert_allclose(scores, expected[1], atol=1e-5)


def test_all_equal_vectors_come_in_their_order():
    positions, _ = exact_search(
        np.ones((2, 3), np.float32), np.ones((50, 3), np.float32), 7, block=8
    )
    assert positions.tolist() == [list(range(7))] * 2
