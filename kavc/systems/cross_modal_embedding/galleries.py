"""Recall over the paper's galleries: its cells, query by query, and what is known of each."""

from __future__ import annotations

import numpy as np

from kavc.evaluation.table import Column
from kavc.metrics.random_galleries import RandomGalleries
from kavc.metrics.retrieval import MatchRanks, blocked_scores, published_recall_at
from kavc.systems.cross_modal_embedding.embeddings import Ranks
from kavc.systems.cross_modal_embedding.paper import GALLERIES, KS, RECALL


def sizes(videos: int) -> tuple[int, ...]:
    """Returns the sizes of galleries: the paper's that fit, and the whole set.

    Reference:
        Surís et al., 2018, section 4.1: galleries of 256, 512 and 1,024.

    Example:
        >>> sizes(2839), sizes(300), sizes(100)
        ((256, 512, 1024, 2839), (256, 300), (100,))
    """
    return (*(size for size in GALLERIES if size < videos), videos)


def headline_size(videos: int) -> int:
    """Returns the largest of the paper's galleries that fits, or the whole of a smaller set.

    Example:
        >>> headline_size(2839), headline_size(100)
        (1024, 100)
    """
    return max((size for size in GALLERIES if size <= videos), default=videos)


def hits(ranks: MatchRanks) -> np.ndarray:
    """Probability, in percent, that each query's match is found, `(queries, cells)`.

    Cells are `sizes` times `KS`, in that order. Galleries are random, see `RandomGalleries`.

    Reference:
        Surís et al., 2018, section 4.1.

    Example:
        >>> ranks = MatchRanks(better=np.arange(8), tied=np.zeros(8, int))
        >>> hits(ranks).mean(axis=0).tolist()  # among all eight, at 1, 5 and 10
        [12.5, 62.5, 100.0]
    """
    videos = len(ranks.better)
    found = [RandomGalleries(size, videos).hits(ranks, KS) for size in sizes(videos)]
    return 100 * np.concatenate(found, axis=1)


def per_query(ranks: Ranks) -> dict[str, np.ndarray]:
    """Returns what each query adds to each cell, by direction: see `hits`.

    Reference:
        Surís et al., 2018, section 4.1.
    """
    return {direction: hits(of) for direction, of in ranks.items()}


def columns(videos: int) -> list[Column]:
    """Returns a column of each cell.

    Example:
        >>> [column.name for column in columns(300)]
        ['256, R@1', '256, R@5', '256, R@10', 'all 300, R@1', 'all 300, R@5', 'all 300, R@10']
    """
    return [
        Column(f"{'all ' if size == videos else ''}{size}, R@{k}", ".1f", "%")
        for size in sizes(videos)
        for k in KS
    ]


def chance(videos: int) -> list[float]:
    """Returns what any order that knows nothing has in each cell.

    Example:
        >>> chance(100)
        [1.0, 5.0, 10.0]
    """
    return [100 * min(k, size) / size for size in sizes(videos) for k in KS]


def published(direction: str, videos: int) -> list[float | None]:
    """Returns the paper's recall in each cell; None where it has none.

    Reference:
        Surís et al., 2018, tables 1 and 2.

    Example:
        >>> published("a2v", 300)
        [21.5, 52.0, 63.1, None, None, None]
    """
    known = RECALL[direction]
    return [x for size in sizes(videos) for x in known.get(size, (None,) * len(KS))]


def published_protocol(queries: np.ndarray, gallery: np.ndarray) -> list[float]:
    """Recall as the published code takes it, in percent, in the first cells: those of its sizes.

    Galleries are consecutive videos, in the order of the files, and the mean is over all that are
    full; ties go by `published_recall_at`.

    Reference:
        Published code of Surís et al., 2018.

    Example:
        >>> vectors = np.eye(256, dtype=np.float32)
        >>> [float(cell) for cell in published_protocol(vectors, vectors)]  # at 1, 5 and 10
        [100.0, 100.0, 100.0]
    """
    videos = len(queries)
    cells: list[float] = []
    for size in (size for size in GALLERIES if size <= videos):
        blocks = [slice(start, start + size) for start in range(0, videos - size + 1, size)]
        scores = (next(blocked_scores(queries[b], gallery[b], size))[1] for b in blocks)
        recalls = [published_recall_at(block, KS) for block in scores]
        cells += list(100 * np.mean(recalls, axis=0))
    return cells
