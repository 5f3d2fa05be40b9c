"""How long does the evaluation of MS-VAE take?

402 videos of 10 segments, as many as AVE's cross-modal test split has, and the published widths:
localisation in both directions, from features to onsets, and one draw of the four tables of
retrieval, from features to mean reciprocal ranks. Beside them a loop of the definition, which asks
the network for each pair of segments, as the published scripts go (of which a part is run, and the
time scaled up). Both must find the same.

    python benchmarks/ms_vae_evaluation.py
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from interleaved import provenance, times

from kavc.cli.output import print_table
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.systems.ms_vae.config import MSVAEConfig
from kavc.systems.ms_vae.recipe import build
from kavc.systems.ms_vae.retrieval import TASKS, draw_segments, mean_reciprocal_ranks
from kavc.systems.ms_vae.scoring import Ask, Coded, coder, spaces
from kavc.systems.ms_vae.videos import Videos

OUT = Path(__file__).parent / "results" / "ms_vae_evaluation.csv"
VIDEOS, CLASSES = 402, 28
LOOP_VIDEOS, LOOP_QUERIES = 4, 1  # of localisation; of each task of retrieval
CONFIG = MSVAEConfig()
COLUMNS = (
    Column("case"),
    Column("median", ",.3f", "s"),
    Column("least", ",.3f", "s"),
    Column("most", ",.3f", "s"),
    Column("CPU", ",.3f", "s"),
)


def main() -> None:
    """Measures all and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="measured rounds")
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    code, videos = coder(build(CONFIG), CONFIG), drawn()
    rows, (segments,) = draw_segments(videos, 1)
    check(code, videos, rows, segments)
    of_videos, of_queries = VIDEOS / LOOP_VIDEOS, VIDEOS / LOOP_QUERIES
    cases: dict[str, Callable[[], float]] = {
        "localisation of 402 videos, both ways": lambda: len([located(code, videos)]),
        "retrieval, four tables": lambda: len([ranks(code, videos, rows, segments)]),
        "localisation, pair by pair (scaled)": lambda: (
            len([located_in_a_loop(code, videos, LOOP_VIDEOS)]) / of_videos
        ),
        "retrieval, pair by pair (scaled)": lambda: (
            len([ranks_in_a_loop(code, videos, rows, segments, LOOP_QUERIES)]) / of_queries
        ),
    }
    found = [
        (case, *(f(spent[:, 0]) for f in (np.median, np.min, np.max)), np.median(spent[:, 1]))
        for case, spent in times(cases, options.rounds).items()
    ]
    caption = "Time to evaluate 402 videos of 10 segments at the published widths"
    table = Table("ms-vae-evaluation", COLUMNS, found, caption, provenance())
    write_text(OUT, table.to_csv())
    print_table(table)


def drawn() -> Videos:
    """Returns videos of noise with an event of 2 to 9 segments each."""
    draw = np.random.default_rng(0)
    audio, visual = (
        np.abs(draw.standard_normal((VIDEOS, CONFIG.segments, width), np.float32))
        for width in (CONFIG.audio_dim, CONFIG.visual_dim)
    )
    length = draw.integers(2, CONFIG.segments, VIDEOS)
    start = (draw.random(VIDEOS) * (CONFIG.segments + 1 - length)).astype(int)
    seconds = np.arange(CONFIG.segments)
    event = (seconds >= start[:, None]) & (seconds < (start + length)[:, None])
    labels = draw.integers(CLASSES, size=VIDEOS)
    return Videos(np.arange(VIDEOS).astype(bytes), audio, visual, event, labels)


def located(code: Ask, videos: Videos) -> dict[str, np.ndarray]:
    """Returns the onset of each query, by direction."""
    coded = Coded.of(code, videos, CONFIG)
    return coded.found(coded.between())


def ranks(
    code: Ask, videos: Videos, rows: np.ndarray, segments: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the reciprocal rank of each query, by task."""
    coded = Coded.of(code, videos, CONFIG)
    return mean_reciprocal_ranks(coded, segments, rows, spaces(CONFIG))


def located_in_a_loop(code: Ask, videos: Videos, count: int) -> dict[str, list[int]]:
    """Returns the onsets of the first videos, a pair of segments at a time."""
    found: dict[str, list[int]] = {"a2v": [], "v2a": []}
    for row in range(count):
        start, length = videos.start[row], videos.length[row]
        for way, asks, answers in (("a2v", "audio", "visual"), ("v2a", "visual", "audio")):
            query, other = getattr(videos, asks)[row], getattr(videos, answers)[row]
            costs = [
                sum(
                    pair(code, asks, query[start + at], answers, other[onset + at])
                    for at in range(length)
                )
                for onset in range(CONFIG.segments + 1 - length)
            ]
            found[way].append(int(np.argmin(costs)))
    return found


def ranks_in_a_loop(
    code: Ask, videos: Videos, rows: np.ndarray, segments: np.ndarray, count: int
) -> dict[str, list[float]]:
    """Returns the reciprocal ranks of the first queries, a pair of segments at a time."""
    found = {}
    for task, (asks, answers) in TASKS.items():
        queries, database = (getattr(videos, kind)[rows, segments] for kind in (asks, answers))
        found[task] = [
            reciprocal_rank(
                [pair(code, asks, queries[at], answers, each) for each in database],
                videos.label[rows],
                at,
                asks == answers,
            )
            for at in range(count)
        ]
    return found


def pair(code: Ask, one: str, x: np.ndarray, other: str, y: np.ndarray) -> float:
    """Returns the distance of two segments."""
    codes = code(one, x[None]), code(other, y[None])
    return sum(
        float(np.linalg.norm(np.float64(codes[0][of.name]) - codes[1][of.name]))
        for of in spaces(CONFIG)
    )


def reciprocal_rank(
    distances: list[float], labels: np.ndarray, query: int, without_self: bool
) -> float:
    """Returns 1 over the rank of the first of the query's category; 0 if there is none."""
    others = [at for at in range(len(labels)) if not (without_self and at == query)]
    order = sorted(others, key=distances.__getitem__)
    hits = [place for place, at in enumerate(order, 1) if labels[at] == labels[query]]
    return 1 / hits[0] if hits else 0.0


def check(code: Ask, videos: Videos, rows: np.ndarray, segments: np.ndarray) -> None:
    """Ends the program if the loop finds anything else."""
    whole, part = located(code, videos), located_in_a_loop(code, videos, LOOP_VIDEOS)
    if any(whole[way][:LOOP_VIDEOS].tolist() != part[way] for way in part):
        raise SystemExit("the loop finds other onsets")
    all_ranks = ranks(code, videos, rows, segments)
    some = ranks_in_a_loop(code, videos, rows, segments, LOOP_QUERIES)
    if not all(np.allclose(all_ranks[task][:LOOP_QUERIES], some[task]) for task in some):
        raise SystemExit("the loop gives other reciprocal ranks")


if __name__ == "__main__":
    main()
