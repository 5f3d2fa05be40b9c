"""How long does recall take, and how much memory at catalogue size?

Recall at 1, 5 and 10 of 1,024 queries in a gallery of 1,024, embeddings 250 wide, one direction:
by `kavc.metrics`, and by the double loop of the published code, written anew from its description
(of which a part of the queries is run, and the time scaled up). Then the ranks of 2,839 queries in
all galleries of 256, 512 and 1,024 in closed form; and, once, 50,000 queries in a gallery of
50,000, in blocks, with the most memory that the process ever held.

    python benchmarks/retrieval_metrics.py
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from interleaved import provenance, times

from kavc.cli.output import print_table
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.metrics.random_galleries import RandomGalleries
from kavc.metrics.retrieval import match_ranks

OUT = Path(__file__).parent / "results" / "retrieval_metrics.csv"
WIDTH, KS = 250, (1, 5, 10)
LOOP_QUERIES = 64
COLUMNS = (
    Column("case"),
    Column("median", ",.1f", "ms"),
    Column("least", ",.1f", "ms"),
    Column("most", ",.1f", "ms"),
    Column("most memory so far", ",.0f", "MB"),
)


def main() -> None:
    """Measures all cases and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds of the small cases")
    parser.add_argument("--large", type=int, default=50_000, help="videos of the large case")
    options = parser.parse_args()
    small = embeddings(1024)
    ranks = match_ranks(*embeddings(2839))
    cases = {
        "1,024 x 1,024": lambda: recalls(*small),
        f"1,024 x 1,024, published loop ({LOOP_QUERIES} queries, scaled)": lambda: loop(*small),
        "galleries of 256, 512 and 1,024 from 2,839": lambda: closed_form(ranks),
    }
    rows = [
        (case, *(1000 * f(spent[:, 0]) for f in (np.median, np.min, np.max)), most_memory())
        for case, spent in times(cases, options.rounds).items()
    ]
    start = time.perf_counter()
    recalls(*embeddings(options.large))
    spent = 1000 * (time.perf_counter() - start)
    case = f"{options.large:,} x {options.large:,}, once, with making the vectors"
    rows.append((case, spent, spent, spent, most_memory()))
    caption = f"Wall time of recall at {', '.join(map(str, KS))}, embeddings {WIDTH} wide"
    table = Table("retrieval-metrics", COLUMNS, rows, caption, provenance())
    write_text(OUT, table.to_csv())
    print_table(table)


def embeddings(videos: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns queries and gallery: unit vectors that have something in common, float32."""
    draw = np.random.default_rng(0)
    queries = draw.standard_normal((videos, WIDTH), np.float32)
    gallery = draw.standard_normal((videos, WIDTH), np.float32)
    gallery += 0.3 * queries
    for vectors in (queries, gallery):
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return queries, gallery


def recalls(queries: np.ndarray, gallery: np.ndarray) -> int:
    """Ranks all matches and takes the recalls."""
    ranks = match_ranks(queries, gallery)
    for k in KS:
        ranks.recall_at(k)
    return 1


def closed_form(ranks) -> int:
    """Takes the recalls over all galleries."""
    for size in (256, 512, 1024):
        RandomGalleries(size, len(ranks.better)).hits(ranks, KS)
    return 1


def loop(queries: np.ndarray, gallery: np.ndarray) -> float:
    """One query and one item at a time, a list of K; returns the share of the work that was done.

    As the published evaluation does it, for the largest K alone.
    """
    hits, k = 0, max(KS)
    for match, query in enumerate(queries[:LOOP_QUERIES]):
        kept, items = [-1.0] * k, [-1] * k
        for number, item in enumerate(gallery):
            similarity = np.dot(query, item)
            least = min(kept)
            if similarity > least:
                place = kept.index(least)
                kept[place], items[place] = similarity, number
        hits += match in items
    return LOOP_QUERIES / len(queries)


def most_memory() -> float:
    """Returns the most memory that this process has held, TensorFlow's included, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
