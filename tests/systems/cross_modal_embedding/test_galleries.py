from __future__ import annotations

import numpy as np
import pytest

from kavc.metrics.retrieval import published_recall_at, rank_scores
from kavc.systems.cross_modal_embedding import galleries


@pytest.mark.parametrize(
    ("videos", "sizes", "headline"),
    [
        (60, (60,), 60), (256, (256,), 256), (300, (256, 300), 256),
        (1024, (256, 512, 1024), 1024), (2839, (256, 512, 1024, 2839), 1024),
    ],
)  # fmt: skip
def test_sizes(videos, sizes, headline):
    assert galleries.sizes(videos) == sizes
    assert galleries.headline_size(videos) == headline
    names = [column.name for column in galleries.columns(videos)]
    assert len(set(names)) == len(names) == 3 * len(sizes)
    assert names[-1] == f"all {videos}, R@10"
    for cells in (galleries.chance(videos), galleries.published("a2v", videos)):
        assert len(cells) == len(names)


def test_cells_of_the_paper():
    assert galleries.published("v2a", 300) == [22.3, 51.7, 64.4, None, None, None]
    assert galleries.published("a2v", 1024)[-3:] == [9.8, 30.4, 39.6]
    assert galleries.chance(300)[:3] == [100 / 256, 500 / 256, 1000 / 256]
    assert galleries.chance(4) == [25, 100, 100]


def test_hits_against_drawn_galleries():
    draw = np.random.default_rng(0)
    scores = draw.normal(size=(300, 300)) + 2.5 * np.eye(300)
    found = galleries.hits(rank_scores(scores)).mean(axis=0)
    drawn = []
    for _ in range(30):
        rows = draw.permutation(300)[:256]
        ranks = rank_scores(scores[np.ix_(rows, rows)])
        drawn.append([100 * ranks.recall_at(k) for k in (1, 5, 10)])
    # One gallery's recall deviates by some 1 point; five standard errors of 30.
    np.testing.assert_allclose(found[:3], np.mean(drawn, axis=0), atol=1)
    whole = rank_scores(scores)
    np.testing.assert_allclose(found[3:], [100 * whole.recall_at(k) for k in (1, 5, 10)])


def test_the_published_protocol_takes_full_consecutive_galleries():
    queries, gallery = np.random.default_rng(1).normal(size=(2, 600, 4))
    gallery += 2 * queries
    found = galleries.published_protocol(queries, gallery)
    parts = [(slice(0, 256), slice(256, 512)), (slice(0, 512),)]
    expected = [
        100
        * np.mean([published_recall_at(queries[b] @ gallery[b].T, (1, 5, 10)) for b in blocks], 0)
        for blocks in parts
    ]
    np.testing.assert_allclose(found, np.concatenate(expected))
