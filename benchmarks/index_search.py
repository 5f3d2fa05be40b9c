"""What does a search cost over the bare products, and what do FAISS's structures give for theirs?

Exact search in Python and in graph, and FAISS's flat one, are set against scores by BLAS, block by
block, with `argpartition` of each block: the obvious way. FAISS 1.15 leaves BLAS alone below
128,000 queries x width ("flat, as it comes"); `kavc.retrieval` sets that to 1,000. IVF and HNSW are
set against our exact search: recall of its ten nearest, time, and the time to build them. Queries
are rows that were held out. See README.md for how times are taken.

    python benchmarks/index_search.py                         # random unit vectors
    python benchmarks/index_search.py --vectors embeddings.npy

Random vectors have no neighbours to speak of: they are the worst case for IVF and HNSW.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

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
WHERE = (Column("vectors"), Column("size", "d"))
EXACT = (*WHERE, Column("queries", "d"), Column("case"), *RATIO_COLUMNS)
APPROXIMATE = (
    *WHERE,
    Column("structure"),
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
    parser.add_argument("--vectors", type=Path, help=".npy (n, width); random ones by default")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--width", type=int, default=250, help="of random vectors")
    parser.add_argument("--largest", type=int, default=100_000, help="size to build IVF, HNSW for")
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    name = "random" if options.vectors is None else options.vectors.stem
    exact: list[tuple] = []
    approximate: list[tuple] = []
    with threadpool_limits(options.threads):
        for vectors, queries in catalogues(options):
            where = (name, len(vectors))
            exact += [(*where, *row) for row in exact_rows(vectors, queries, options.rounds)]
            keep("index-search-exact", name, EXACT, exact)
            if len(vectors) <= options.largest:
                rows = approximate_rows(vectors, queries, options.rounds)
                approximate += [(*where, *row) for row in rows]
                keep("index-search-approximate", name, APPROXIMATE, approximate)


def catalogues(options: argparse.Namespace) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns unit vectors and queries of each size."""
    if options.vectors is not None:
        rows = np.load(options.vectors, allow_pickle=False)
        rows = unit_rows("vectors", rows, rows.shape[1])
        return [(rows[HELD_OUT:], rows[:HELD_OUT])]
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((max(options.sizes) + HELD_OUT, options.width), np.float32)
    rows = unit_rows("vectors", rows, options.width)
    return [(rows[HELD_OUT:][:size], rows[:HELD_OUT]) for size in options.sizes]


def keep(name: str, kind: str, columns: Sequence[Column], rows: list[tuple]) -> None:
    """Prints a table and writes it whole."""
    table = Table(name, columns, rows, f"Search of {kind} vectors, k = {K}", provenance())
    write_text(OUT / f"{name.replace('-', '_')}_{kind}.csv", table.to_csv())
    print_table(table)


def exact_rows(vectors: np.ndarray, queries: np.ndarray, rounds: int) -> list[tuple]:
    """Returns a row a batch size and case: ratios over the obvious way."""
    index = Index(vectors.shape[1])
    index.add([str(row) for row in range(len(vectors))], vectors)
    in_graph = graph(index)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    rows = []
    for batch in BATCHES:
        some = queries[:batch]
        cases = {
            "obvious": lambda some=some: done(obvious(some, vectors)),
            "Index.search": lambda some=some: done(index.search(some, K)),
            "in graph": lambda some=some: done(in_graph(some)["scores"].numpy()),
            "products alone": lambda some=some: done(products(some, vectors)),
            "FAISS flat, as it comes": lambda some=some: done(flat_search(flat, some, AS_IT_COMES)),
            "FAISS flat, BLAS from 1000": lambda some=some: done(flat_search(flat, some, 1000)),
        }
        spent = times(cases, rounds)
        base = spent.pop("obvious")
        rows += [(batch, case, *ratio(spent[case], base)) for case in spent]
    return rows


def approximate_rows(vectors: np.ndarray, queries: np.ndarray, rounds: int) -> list[tuple]:
    """Returns a row a structure: recall, and ratios over our exact search."""
    expected, _ = exact_search(queries, vectors, K)
    rows = []
    for kind in ("ivf", "hnsw"):
        search, seconds = built(kind, vectors)
        found, _ = search.search(queries, K)
        recall = np.mean([len(set(a) & set(b)) / K for a, b in zip(found, expected, strict=True)])
        ratios: list[float] = []
        for batch in BATCHES:
            some = queries[:batch]
            spent = times(
                {
                    "exact": lambda some=some: done(exact_search(some, vectors, K)),
                    kind: lambda some=some, search=search: done(search.search(some, K)),
                },
                rounds,
            )
            wall, _, _, cpu = ratio(spent[kind], spent["exact"])
            ratios += [wall, cpu]
        build = seconds / float(np.median(spent["exact"][:, 0]))
        rows.append((kind, float(recall), *ratios, build))
    return rows


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
    """Makes the scores, and looks at none."""
    for start in range(0, len(vectors), BLOCK):
        queries @ vectors[start : start + BLOCK].T


def graph(index: Index) -> Callable:
    """Returns the search that is exported, as one function."""
    search = CatalogueSearch(index, K)
    return tf.function(search, autograph=False, reduce_retracing=True)


def flat_search(flat: faiss.IndexFlatIP, queries: np.ndarray, threshold: int) -> tuple:
    """Searches with another threshold of BLAS."""
    faiss.cvar.distance_compute_blas_threshold = threshold
    return flat.search(queries, K)


def built(kind: str, vectors: np.ndarray) -> tuple[FaissSearch, float]:
    """Returns a structure and the seconds that it took."""
    start = time.perf_counter()
    search = FaissSearch(kind, vectors)
    return search, time.perf_counter() - start


def done(answer: object) -> int:
    """Counts one search."""
    del answer
    return 1


if __name__ == "__main__":
    main()
