"""What does a search cost over the bare products, and what do FAISS's structures give for theirs?

Exact search in Python and in graph, and FAISS's flat one, are set against the scores by BLAS alone,
block by block, of which none is looked at. "Obvious" adds `argpartition` of each block. FAISS 1.15
leaves BLAS alone below 128,000 queries x width ("flat, as it comes"); `kavc.retrieval` sets that to
1,000. IVF and HNSW are set against our exact search: recall of its ten nearest, time, and the time
to build them. Of random vectors the bias is random, of the spread of a real correction of hubs, and
queries are rows that were held out. See README.md for how times are taken.

    python benchmarks/index_search.py                              # random unit vectors
    python benchmarks/index_search.py --index INDEX --queries QUERIES.npy

Random vectors have no neighbours to speak of: they are the worst case for IVF and HNSW.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # idle threads of one case would slow the next

import faiss
import numpy as np
import tensorflow as tf
from interleaved import RATIO_COLUMNS, provenance, ratio, times
from threadpoolctl import threadpool_limits

from kavc.cli.output import print_table
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.retrieval.checks import unit_rows
from kavc.retrieval.exact import BLOCK, exact_search
from kavc.retrieval.faiss_search import FaissSearch
from kavc.retrieval.index import Index
from kavc.retrieval.served import CatalogueSearch

OUT = Path(__file__).parent / "results"
K, BATCHES, HELD_OUT = 10, (1, 64), 256
AS_IT_COMES = 128_000  # FAISS 1.15's threshold of BLAS
SPREAD = 0.05  # standard deviation of a bias
WHERE = (Column("vectors"), Column("size", "d"))
EXACT = (*WHERE, Column("queries", "d"), Column("case"), *RATIO_COLUMNS)
APPROXIMATE = (
    *WHERE,
    Column("structure"),
    Column("bias"),
    Column("recall@10", ".3f"),
    Column("time, 1 query", ".2f"),
    Column("by CPU, 1 query", ".2f"),
    Column("time, 64 queries", ".2f"),
    Column("by CPU, 64 queries", ".2f"),
    Column("build over a search of 64", ".0f"),
)


def main() -> None:
    """Measures every size, and writes both tables after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, help="with a correction of hubs; random by default")
    parser.add_argument("--queries", type=Path, help=".npy (n, width), of --index")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--width", type=int, default=250, help="of random vectors")
    parser.add_argument("--largest", type=int, default=100_000, help="size to build IVF, HNSW for")
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    name = "random" if options.index is None else options.index.name
    exact: list[tuple] = []
    approximate: list[tuple] = []
    with threadpool_limits(options.threads):
        for catalogue in catalogues(options):
            where = (name, len(catalogue.vectors))
            exact += [(*where, *row) for row in exact_rows(catalogue, options.rounds)]
            keep("index-search-exact", name, EXACT, exact)
            if len(catalogue.vectors) <= options.largest:
                rows = approximate_rows(catalogue, options.rounds)
                approximate += [(*where, *row) for row in rows]
                keep("index-search-approximate", name, APPROXIMATE, approximate)


class Catalogue(NamedTuple):
    """What is searched: unit vectors, the bias of each, and unit queries."""

    vectors: np.ndarray
    bias: np.ndarray
    queries: np.ndarray


def catalogues(options: argparse.Namespace) -> Iterator[Catalogue]:
    """Yields one of each size."""
    if options.index is not None:
        index = Index.load(options.index)
        if index.bias is None:
            raise SystemExit(f"{options.index}: has no correction of hubs; build it with one")
        queries = np.load(options.queries, allow_pickle=False)[:HELD_OUT]
        yield Catalogue(index.vectors, index.bias, unit_rows("queries", queries, index.dim))
        return
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((max(options.sizes) + HELD_OUT, options.width), np.float32)
    rows = unit_rows("vectors", rows, options.width)
    for size in options.sizes:
        bias = np.random.default_rng(1).normal(0, SPREAD, size).astype(np.float32)
        yield Catalogue(rows[HELD_OUT:][:size], bias, rows[:HELD_OUT])


def keep(name: str, kind: str, columns: Sequence[Column], rows: list[tuple]) -> None:
    """Prints a table and writes it whole."""
    table = Table(name, columns, rows, f"Search of {kind} vectors, k = {K}", provenance())
    write_text(OUT / f"{name.replace('-', '_')}_{kind}.csv", table.to_csv())
    print_table(table)


class GivenBias:
    """In the place of a correction of hubs, whose index is filled by one call."""

    def __init__(self, bias: np.ndarray):
        self._bias = bias

    def check(self, **_: object) -> None:
        """Fits every index."""

    def bias(self, units: np.ndarray, ids: Sequence[str]) -> np.ndarray:
        """Returns `(n,) float32`."""
        del units, ids
        return self._bias


def exact_rows(catalogue: Catalogue, rounds: int) -> list[tuple]:
    """Returns a row a batch size and case: ratios over the bare products."""
    searches = exact_searches(catalogue)
    rows = []
    for batch in BATCHES:
        some = catalogue.queries[:batch]
        cases = {
            name: lambda search=search, some=some: done(search(some))
            for name, search in searches.items()
        }
        spent = times(cases, rounds)
        base = spent.pop("products")
        rows += [(batch, case, *ratio(spent[case], base)) for case in spent]
    return rows


def exact_searches(catalogue: Catalogue) -> dict[str, Callable]:
    """Returns functions of queries by the name of their case."""
    vectors = catalogue.vectors
    plain, with_bias = index_of(vectors, None), index_of(vectors, GivenBias(catalogue.bias))
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    # What is still in the cache is read faster, and others read `vectors`, too.
    alone = vectors.copy()
    return {
        "products": lambda some: products(some, alone),
        "obvious": lambda some: obvious(some, vectors),
        "Index.search": lambda some: plain.search(some, K),
        "Index.search with a bias": lambda some: with_bias.search(some, K),
        "in graph": graph(plain),
        "in graph with a bias": graph(with_bias),
        "FAISS flat, as it comes": lambda some: flat_search(flat, some, AS_IT_COMES),
        "FAISS flat, BLAS from 1000": lambda some: flat_search(flat, some, 1000),
    }


def index_of(vectors: np.ndarray, hubs: GivenBias | None) -> Index:
    """Returns an exact index of all vectors."""
    index = Index(vectors.shape[1], hubs=hubs)
    index.add([str(row) for row in range(len(vectors))], vectors)
    return index


def approximate_rows(catalogue: Catalogue, rounds: int) -> list[tuple]:
    """Returns a row a structure, without and with a bias: recall, and ratios over exact search."""
    rows, (vectors, _, queries) = [], catalogue
    for named, bias in (("without", None), ("with", catalogue.bias)):
        expected, _ = exact_search(queries, vectors, K, bias=bias)
        for kind in ("ivf", "hnsw"):
            start = time.perf_counter()
            search = FaissSearch(kind, vectors, bias)
            seconds = time.perf_counter() - start
            found, _ = search.search(queries, K)
            pairs = zip(found, expected, strict=True)
            recall = float(np.mean([len(set(a) & set(b)) / K for a, b in pairs]))
            exact = partial(exact_search, vectors=vectors, k=K, bias=bias)
            ratios, searched = over_exact(search, exact, queries, rounds)
            rows.append((kind, named, recall, *ratios, seconds / searched))
    return rows


def over_exact(
    search: FaissSearch, exact: Callable, queries: np.ndarray, rounds: int
) -> tuple[list[float], float]:
    """Returns ratios of wall and CPU time, a batch size, and the exact search's time for 64."""
    ratios: list[float] = []
    for batch in BATCHES:
        some = queries[:batch]
        spent = times(
            {
                "exact": lambda some=some: done(exact(some)),
                "structure": lambda some=some: done(search.search(some, K)),
            },
            rounds,
        )
        wall, _, _, cpu = ratio(spent["structure"], spent["exact"])
        ratios += [wall, cpu]
    return ratios, float(np.median(spent["exact"][:, 0]))


def obvious(queries: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Partitions each block of scores, and sorts what is left of all."""
    scores, positions = [], []
    for start in range(0, len(vectors), BLOCK):
        block = queries @ vectors[start : start + BLOCK].T
        best = np.argpartition(block, -K, axis=1)[:, -K:]
        scores.append(np.take_along_axis(block, best, 1))
        positions.append(best + start)
    score, position = np.concatenate(scores, 1), np.concatenate(positions, 1)
    order = np.argsort(-score, axis=1)[:, :K]
    return np.take_along_axis(position, order, 1), np.take_along_axis(score, order, 1)


def products(queries: np.ndarray, vectors: np.ndarray) -> None:
    """Makes the scores, each block's in the place of the last, and looks at none."""
    room = np.empty(len(queries) * BLOCK, np.float32)
    for start in range(0, len(vectors), BLOCK):
        part = vectors[start : start + BLOCK]
        scores = room[: len(queries) * len(part)].reshape(len(queries), len(part))
        np.matmul(queries, part.T, out=scores)


def graph(index: Index) -> Callable:
    """Returns the search that is exported, as one function."""
    search = tf.function(CatalogueSearch(index, K), autograph=False, reduce_retracing=True)
    return lambda some: search(some)["scores"].numpy()


def flat_search(flat: faiss.IndexFlatIP, queries: np.ndarray, threshold: int) -> tuple:
    """Searches with another threshold of BLAS."""
    faiss.cvar.distance_compute_blas_threshold = threshold
    return flat.search(queries, K)


def done(answer: object) -> int:
    """Counts one search."""
    del answer
    return 1


if __name__ == "__main__":
    main()
