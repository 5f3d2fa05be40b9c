"""Recall over the paper's galleries: its cells, query by query, and what is known of each."""

from __future__ import annotations

import numpy as np

from kavc.evaluation.table import Column
from kavc.metrics.random_galleries import RandomGalleries
from kavc.metrics.retrieval import MatchRanks, blocked_scores, published_recall_at
from kavc.systems.cross_modal_embedding.embeddings import Ranks
from kavc.systems.cross_modal_embedding.paper import GALLERIES, KS, RECALL


def sizes(videos: int) -> tuple[int, ...]:
    """Returns the sizes of galleries: the paper's that fit, and the whole set."""
    return (*(size for size in GALLERIES if size < videos), videos)


def headline_size(videos: int) -> int:
    """Returns the largest of the paper's galleries that fits, or the whole of a smaller set."""
    return max((size for size in GALLERIES if size <= videos), default=videos)


def hits(ranks: MatchRanks) -> np.ndarray:
    """Probability, in percent, that each query's match is found, `(queries, cells)`.

    Cells are `sizes` times `KS`, in that order. Galleries are random, see `RandomGalleries`.
    """
    videos = len(ranks.better)
    found = [RandomGalleries(size, videos).hits(ranks, KS) for size in sizes(videos)]
    return 100 * np.concatenate(found, axis=1)


def per_query(ranks: Ranks) -> dict[str, np.ndarray]:
    """Returns what each query adds to each cell, by direction: see `hits`."""
    return {direction: hits(of) for direction, of in ranks.items()}


def columns(videos: int) -> list[Column]:
    """Returns a column of each cell."""
    return [
        Column(f"{'all ' if size == videos else ''}{size}, R@{k}", ".1f", "%")
        for size in sizes(videos)
        for k in KS
    ]


def chance(videos: int) -> list[float]:
    """Returns what any order that knows nothing has in each cell."""
    return [100 * min(k, size) / size for size in sizes(videos) for k in KS]


def published(direction: str, videos: int) -> list[float | None]:
    """Returns the paper's recall in each cell; None where it has none."""
    known = RECALL[direction]
    return [x for size in sizes(videos) for x in known.get(size, (None,) * len(KS))]


def published_protocol(queries: np.ndarray, gallery: np.ndarray) -> list[float]:
    """Recall as the published code takes it, in percent, in the first cells: those of its sizes.

    Galleries are consecutive videos, in the order of the files, and the mean is over all that are
    full; ties go by `published_recall_at`.
    """
    videos = len(queries)
    cells: list[float] = []
    for size in (size for size in GALLERIES if size <= videos):
        blocks = [slice(start, start + size) for start in range(0, videos - size + 1, size)]
        scores = (next(blocked_scores(queries[b], gallery[b], size))[1] for b in blocks)
        recalls = [published_recall_at(block, KS) for block in scores]
        cells += list(100 * np.mean(recalls, axis=0))
    return cells
