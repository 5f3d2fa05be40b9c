"""FAISS behind the interface of the exact search, for catalogues that are too large for that.

FAISS is imported when a structure is made: it is an extra, `pip install 'kavc[index]'`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kavc.errors import ConfigError, unknown
from kavc.retrieval.exact import exact_search

EXACT = "exact"
BACKENDS = (EXACT, "flat", "ivf", "hnsw")

# Flat search takes a loop of its own below so many queries x width, and BLAS above. FAISS 1.15 has
# 128,000, where the loop needs several times as long (benchmarks/index_search.py): on few threads
# BLAS wins from about 800 a thread on (FAISS's pull request 5109).
BLAS_FROM = 1000
# Inverted lists: four times the root of the size, as FAISS's guidelines have it, a sixteenth of
# which is searched. K-means wants at least 39 vectors a list, and warns below that.
LISTS_PER_ROOT, SEARCHED, VECTORS_PER_LIST = 4, 1 / 16, 39
# Graph: neighbours a node, and candidates that are followed while building and while searching.
NEIGHBOURS, BUILD_CANDIDATES, SEARCH_CANDIDATES = 32, 80, 128


def check_backend(name: str) -> None:
    """Raises if a backend is unknown, or FAISS is needed and missing.

    Raises:
        ConfigError: names the nearest backend, or the package to install.

    Example:
        >>> check_backend("exact")
        >>> check_backend("hsnw")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: unknown backend 'hsnw'; did you mean 'hnsw'? Known: ...
    """
    if name not in BACKENDS:
        raise ConfigError(unknown("backend", name, BACKENDS))
    if name != EXACT:
        _faiss()


class FaissSearch:
    """Vectors in a structure of FAISS, each with its bias as one more coordinate, if there are any.

    Args:
        kind: "flat" compares with every vector; "ivf" with those of some lists, "hnsw" with those
            along a graph, so that both may miss some.
        vectors: `(size, dim) float32` of norm 1; positions count from 0 in this order.
        bias: `(size,) float32`, what is taken off all scores of a vector; None for nothing.

    Reference:
        Johnson et al., 2019 (FAISS); Jégou et al., 2011 (inverted lists); Malkov and Yashunin, 2020
        (HNSW).

    Example:
        search = FaissSearch("hnsw", vectors)
        positions, scores = search.search(queries, k=10)
    """

    def __init__(self, kind: str, vectors: np.ndarray, bias: np.ndarray | None = None):
        self._vectors, self._bias = vectors, bias
        joined = _joined(vectors, bias)
        self._structure = _structure(kind, joined)
        self._structure.add(joined)

    def add(self, vectors: np.ndarray, bias: np.ndarray | None = None) -> None:
        """Replaces the vectors by longer ones that begin with those that are there.

        Lists of "ivf" stay as they were cut: rather make a new one if the size has doubled.

        Args:
            vectors: `(size, dim) float32`, all of them.
            bias: `(size,) float32`, likewise, if there was one before.

        Raises:
            ValueError: the bias doesn't begin with what is there.
        """
        there = len(self._vectors)
        former, new = (None, None) if bias is None else (bias[:there], bias[there:])
        if not np.array_equal(former, self._bias):  # type: ignore[arg-type]  # None equals None
            raise ValueError("the bias of vectors that are there is another one; make a new search")
        self._structure.add(_joined(vectors[there:], new))
        self._vectors, self._bias = vectors, bias

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Finds `k` vectors for each query; arguments and answer as `exact_search`.

        A query whose lists or paths hold fewer than `k` is answered by exact search.
        """
        _faiss().cvar.distance_compute_blas_threshold = (
            BLAS_FROM  # the process's, not a structure's
        )
        ones = None if self._bias is None else np.full(len(queries), -1, np.float32)
        scores, positions = self._structure.search(_joined(queries, ones), k)
        short = (positions < 0).any(axis=1)
        if short.any():
            answers = exact_search(queries[short], self._vectors, k, bias=self._bias)
            positions[short], scores[short] = answers
        return positions, scores


def _joined(vectors: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """Returns rows with the coordinate `-bias`, `(size, dim + 1)`, or as they are without one."""
    return vectors if bias is None else np.column_stack([vectors, -bias])


def _structure(kind: str, vectors: np.ndarray) -> Any:
    faiss = _faiss()
    size, dim = vectors.shape
    if kind == "flat":
        return faiss.IndexFlatIP(dim)
    if kind == "hnsw":
        graph = faiss.IndexHNSWFlat(dim, NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction, graph.hnsw.efSearch = BUILD_CANDIDATES, SEARCH_CANDIDATES
        return graph
    lists = max(1, min(round(LISTS_PER_ROOT * math.sqrt(size)), size // VECTORS_PER_LIST))
    inverted = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
    inverted.cp.min_points_per_centroid = 1  # one list of a few vectors needs no warning
    inverted.nprobe = math.ceil(lists * SEARCHED)
    inverted.train(vectors)
    return inverted


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise ConfigError(
            f"backends other than {EXACT!r} need a package that is not installed ({error}); "
            "pip install 'kavc[index]'"
        ) from None
    return faiss
