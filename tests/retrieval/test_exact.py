"""The blocked search against a full sort, ties included."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.retrieval.exact import QUERIES, exact_search


def brute_force(queries, vectors, k, bias=0):
    scores = queries.astype(float) @ vectors.T.astype(float) - bias
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


def units(seed, *shape):
    rows = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("sd", [None, 0.05, 5])  # none, that of real ones, one that decides alone
@pytest.mark.parametrize("block", [10, 64, 4096])
def test_on_floats(block, sd):
    q, v = units(2, 9, 20), units(3, 5000, 20)
    bias = None if sd is None else np.random.default_rng(4).normal(0, sd, 5000).astype(np.float32)
    positions, scores = exact_search(q, v, 10, bias=bias, block=block)
    expected = brute_force(q, v, 10, 0 if bias is None else bias)
    np.testing.assert_array_equal(positions, expected[0])
    np.testing.assert_allclose(scores, expected[1], atol=1e-6)
    assert sd is None or (positions != brute_force(q, v, 10)[0]).any()


@pytest.mark.parametrize("block", [1, 3, 10, 37, 1000])
@pytest.mark.parametrize("k", [1, 4, 37])
@pytest.mark.parametrize("queries", [1, QUERIES + 3])
def test_a_bias_among_equals(queries, k, block):
    q, v, bias = whole_numbers(0, queries, 4), whole_numbers(1, 37, 4), whole_numbers(2, 37)
    positions, scores = exact_search(q, v, k, bias=bias, block=block)
    expected = brute_force(q, v, k, bias)
    np.testing.assert_array_equal(positions, expected[0])
    np.testing.assert_array_equal(scores, expected[1])


def test_silent_vectors_are_told_apart_by_their_bias_alone():
    bias = np.array([1, 0, 1, -1, 0], np.float32)
    positions, scores = exact_search(units(0, 2, 3), np.zeros((5, 3), np.float32), 5, bias=bias)
    assert positions.tolist() == [[3, 1, 4, 0, 2]] * 2
    assert scores.tolist() == [[1, 0, 0, -1, -1]] * 2


def test_one_vector_and_its_bias():
    one = np.ones((1, 2), np.float32)
    positions, scores = exact_search(one, one, 1, bias=np.array([0.5], np.float32))
    assert (positions.tolist(), scores.tolist()) == ([[0]], [[1.5]])


def test_worst_first_every_block_holds_better_ones():
    v = np.arange(100, dtype=np.float32)[:, None]
    for order in (v, v[::-1]):
        positions, scores = exact_search(np.ones((1, 1), np.float32), order, 5, block=8)
        assert scores.tolist() == [[99, 98, 97, 96, 95]]
        assert order[positions[0], 0].tolist() == scores[0].tolist()


def test_a_mapped_catalogue_is_neither_copied_nor_written_to(tmp_path):
    vectors, bias = units(1, 300, 8), np.linspace(-1, 1, 300, dtype=np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")  # writing would raise
    positions, _ = exact_search(units(0, 3, 8), mapped, 7, bias=bias, block=32)
    np.testing.assert_array_equal(positions, brute_force(units(0, 3, 8), vectors, 7, bias)[0])
    np.testing.assert_array_equal(bias, np.linspace(-1, 1, 300, dtype=np.float32))


def test_all_equal_vectors_come_in_their_order():
    positions, _ = exact_search(
        np.ones((2, 3), np.float32), np.ones((50, 3), np.float32), 7, block=8
    )
    assert positions.tolist() == [list(range(7))] * 2
