from __future__ import annotations

import itertools
from math import comb

import numpy as np
import pytest
from scipy.stats import hypergeom

from kavc.errors import DataError
from kavc.metrics.random_galleries import RandomGalleries
from kavc.metrics.retrieval import MatchRanks, rank_scores

ITEMS = 8
# Few values, so that most matches tie with something.
SCORES = np.random.default_rng(0).integers(0, 4, (ITEMS, ITEMS)).astype(float)


def every_draw(size):
    """The ranks in every gallery of that size; each query's galleries hold its match."""
    found = []
    for match, scores in enumerate(SCORES):
        others = [item for item in range(ITEMS) if item != match]
        for rest in itertools.combinations(others, size - 1):
            found.append(rank_scores(scores[None, [match, *rest]]))
    return MatchRanks(
        np.concatenate([ranks.better for ranks in found]),
        np.concatenate([ranks.tied for ranks in found]),
    )


@pytest.mark.parametrize("size", [1, 2, 5, 7, 8])
def test_expectations_are_the_means_over_every_draw(size):
    galleries, ranks, draws = RandomGalleries(size, ITEMS), rank_scores(SCORES), every_draw(size)
    for k in (1, 2, 3, 99):
        assert galleries.recall_at(ranks, k) == pytest.approx(draws.recall_at(k), abs=1e-12)
    assert galleries.mean_reciprocal_rank(ranks) == pytest.approx(draws.mean_reciprocal_rank())
    for k in (1, 3, 10):
        assert galleries.ndcg_at(ranks, k) == pytest.approx(draws.ndcg_at(k), abs=1e-12)
    median = next(k for k in range(1, size + 1) if draws.recall_at(k) >= 0.5 - 1e-9)
    assert galleries.median_rank(ranks) == median


def test_hits_of_each_query():
    galleries, ranks = RandomGalleries(3, ITEMS), rank_scores(SCORES)
    hits = galleries.hits(ranks, (2, 1))
    assert hits.shape == (ITEMS, 2)
    alone = [MatchRanks(b[None], t[None]) for b, t in zip(ranks.better, ranks.tied, strict=True)]
    expected = [[galleries.recall_at(one, k) for k in (2, 1)] for one in alone]
    np.testing.assert_allclose(hits, expected, atol=1e-12)


def test_the_whole_set_is_a_gallery():
    ranks = rank_scores(np.random.default_rng(1).integers(0, 30, (99, 99)))
    whole = RandomGalleries(99, 99)
    for k in (1, 5, 10):
        assert whole.recall_at(ranks, k) == pytest.approx(ranks.recall_at(k), abs=1e-12)
        assert whole.ndcg_at(ranks, k) == pytest.approx(ranks.ndcg_at(k), abs=1e-12)
    assert whole.mean_reciprocal_rank(ranks) == pytest.approx(ranks.mean_reciprocal_rank())


@pytest.mark.parametrize("items", [2_839, 50_000])
def test_large_sets_against_scipy_and_whole_numbers(items):
    galleries = RandomGalleries(1024, items)
    better = np.array([0, 1, 7, 300, items // 2, items - 1])
    ranks = MatchRanks(better, np.zeros_like(better))
    hits = galleries.hits(ranks, (1, 10, 100))
    for column, k in zip(hits.T, (1, 10, 100), strict=True):
        # Logs of factorials of 50,000 are near 5e5, good to 6e-11; differences of sums to 1e-11.
        expected = hypergeom.cdf(k - 1, items - 1, better, 1023)
        np.testing.assert_allclose(column, expected, rtol=1e-9, atol=1e-11)
    exact = [comb(items - 1 - int(b), 1023) / comb(items - 1, 1023) for b in better]
    np.testing.assert_allclose(hits[:, 0], exact, rtol=1e-9, atol=1e-11)
    rank = np.arange(1, 1025)
    places = hypergeom.pmf(rank - 1, items - 1, 300, 1023)
    found = galleries.mean_reciprocal_rank(MatchRanks(better[3:4], np.zeros(1, int)))
    assert found == pytest.approx(np.sum(places / rank), rel=1e-9)


def test_one_answer_to_everything_gets_chance():
    ranks = rank_scores(np.zeros((60, 60)))
    galleries = RandomGalleries(20, 60)
    for k in (1, 5, 20):
        assert galleries.recall_at(ranks, k) == pytest.approx(k / 20)
    assert galleries.median_rank(ranks) == 10
    assert galleries.mean_reciprocal_rank(ranks) == pytest.approx(np.mean(1 / np.arange(1, 21)))


def test_refused():
    ranks = MatchRanks(np.array([3]), np.array([1]))
    with pytest.raises(DataError, match="galleries of 9 cannot be drawn from 8 items"):
        RandomGalleries(9, 8)
    with pytest.raises(DataError, match="galleries of 0"):
        RandomGalleries(0, 8)
    with pytest.raises(DataError, match="recall at 0"):
        RandomGalleries(2, 8).hits(ranks, (0, 1))
    for measure in ("median_rank", "mean_reciprocal_rank", "ndcg_at"):
        with pytest.raises(DataError, match="place 5 of a set of 4"):
            getattr(RandomGalleries(2, 4), measure)(ranks)
