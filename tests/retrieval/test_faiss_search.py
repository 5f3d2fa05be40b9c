"""FAISS behind the same interface: flat gives the exact answers, the others most of them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from kavc.retrieval.exact import exact_search
from kavc.retrieval.faiss_search import FaissSearch

pytest.importorskip("faiss")

WITHOUT_FAISS = """
import sys
sys.modules["faiss"] = None  # as if it were not installed
from kavc.errors import ConfigError
from kavc.retrieval import Index
Index(4)
try:
    Index(4, backend="hnsw")
except ConfigError as error:
    print(error)
"""


def clusters(n, seed=0, width=16):
    """Unit vectors around 20 centres, as embeddings of kinds of things lie."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(20, width))
    rows = centres[rng.integers(20, size=n)] + 0.5 * rng.normal(size=(n, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("queries", [1, 100])  # on either side of the threshold of BLAS
def test_flat_is_exact(queries):
    vectors, q = clusters(3000), clusters(queries, seed=1)
    positions, scores = FaissSearch("flat", vectors).search(q, 10)
    expected = exact_search(q, vectors, 10)
    np.testing.assert_allclose(scores, expected[1], atol=1e-6)
    differ = positions != expected[0]  # only where scores are as good as equal
    np.testing.assert_allclose(
        np.einsum("nkd,nd->nk", vectors[positions], q)[differ], expected[1][differ], atol=1e-6
    )
    assert differ.mean() < 0.01


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_the_others_find_most(kind):
    vectors, q = clusters(3000), clusters(50, seed=1)
    positions, scores = FaissSearch(kind, vectors).search(q, 10)
    expected, _ = exact_search(q, vectors, 10)
    found = [len(set(a) & set(b)) / 10 for a, b in zip(positions, expected, strict=True)]
    assert np.mean(found) > 0.9
    assert (np.diff(scores, axis=1) <= 0).all()
    np.testing.assert_allclose(scores, np.einsum("nkd,nd->nk", vectors[positions], q), atol=1e-6)


@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
@pytest.mark.parametrize("size", [1, 5, 200])
def test_as_many_as_asked_for(kind, size):
    """Lists and paths may hold fewer than that; then the search is exact."""
    vectors, q = clusters(size), clusters(4, seed=1)
    positions, scores = FaissSearch(kind, vectors).search(q, size)
    assert np.sort(positions, axis=1).tolist() == [list(range(size))] * 4
    np.testing.assert_allclose(scores, exact_search(q, vectors, size)[1], atol=1e-6)


@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
def test_added_vectors_are_found(kind):
    vectors = clusters(600)
    search = FaissSearch(kind, vectors[:500])
    search.add(vectors)
    positions, _ = search.search(vectors[500:], 1)
    assert (positions[:, 0] == np.arange(500, 600)).mean() > 0.95


def biases(n, sd=0.05):
    return np.random.default_rng(7).normal(0, sd, n).astype(np.float32)


@pytest.mark.parametrize("queries", [1, 100])
def test_flat_with_a_bias_is_exact(queries):
    vectors, q, bias = clusters(3000), clusters(queries, seed=1), biases(3000)
    positions, scores = FaissSearch("flat", vectors, bias).search(q, 10)
    every = q.astype(float) @ vectors.T.astype(float) - bias
    np.testing.assert_allclose(scores, -np.sort(-every, axis=1)[:, :10], atol=1e-6)
    np.testing.assert_allclose(scores, np.take_along_axis(every, positions, 1), atol=1e-6)
    assert (positions != FaissSearch("flat", vectors).search(q, 10)[0]).any()


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_the_others_find_most_with_a_bias(kind):
    vectors, q, bias = clusters(3000), clusters(50, seed=1), biases(3000)
    positions, scores = FaissSearch(kind, vectors, bias).search(q, 10)
    expected, _ = exact_search(q, vectors, 10, bias=bias)
    found = [len(set(a) & set(b)) / 10 for a, b in zip(positions, expected, strict=True)]
    assert np.mean(found) > 0.9
    direct = np.einsum("nkd,nd->nk", vectors[positions], q) - bias[positions]
    np.testing.assert_allclose(scores, direct, atol=1e-6)


@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
@pytest.mark.parametrize("size", [1, 5, 200])
def test_as_many_as_asked_for_with_a_bias(kind, size):
    """What falls back to the exact search takes the bias with it."""
    vectors, q, bias = clusters(size), clusters(4, seed=1), biases(size, 1)
    positions, scores = FaissSearch(kind, vectors, bias).search(q, size)
    assert np.sort(positions, axis=1).tolist() == [list(range(size))] * 4
    np.testing.assert_allclose(scores, exact_search(q, vectors, size, bias=bias)[1], atol=1e-6)


@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
def test_added_vectors_have_their_bias(kind):
    vectors, bias = clusters(600), np.zeros(600, np.float32)
    bias[550:] = 3  # which puts the last ones behind all others
    search = FaissSearch(kind, vectors[:500], bias[:500])
    search.add(vectors, bias)
    positions, scores = search.search(vectors[500:], 1)
    assert (positions[:50, 0] == np.arange(500, 550)).mean() > 0.95
    assert positions[50:].max() < 550
    assert scores[50:].min() > 0


@pytest.mark.parametrize(("former", "now"), [(None, biases(9)), (biases(9), None), (biases(9), 0)])
def test_the_bias_of_what_is_there_can_not_change(former, now):
    vectors = clusters(9)
    search = FaissSearch("flat", vectors[:5], former if former is None else former[:5])
    with pytest.raises(ValueError, match="another one; make a new search"):
        search.add(vectors, np.zeros(9, np.float32) if isinstance(now, int) else now)
    assert search.search(vectors, 5)[0].max() < 5


def test_without_the_package():
    done = subprocess.run([sys.executable, "-c", WITHOUT_FAISS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "backends other than 'exact' need a package that is not installed" in done.stdout
    assert done.stdout.endswith("pip install 'kavc[index]'\n")
