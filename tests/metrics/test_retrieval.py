from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kavc.errors import DataError
from kavc.metrics.retrieval import (
    MatchRanks,
    blocked_scores,
    first_equal,
    match_ranks,
    published_recall_at,
    rank_scores,
)

KS = (1, 5, 10)


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "cross_modal_embedding.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files if name.startswith("ret_")}


@pytest.mark.parametrize("direction", ["a2v", "v2a"])
def test_golden_ranks_and_recalls_with_ties(golden, direction):
    scores = golden["ret_scores"] if direction == "a2v" else golden["ret_scores"].T
    ranks = rank_scores(scores)
    np.testing.assert_array_equal(ranks.expected, golden[f"ret_{direction}_expected_rank"])
    # Sums of fractions in another order.
    found = [ranks.recall_at(k) for k in KS]
    np.testing.assert_allclose(found, golden[f"ret_{direction}_expected"], atol=1e-12)
    published = golden[f"ret_{direction}_published"]
    np.testing.assert_allclose(published_recall_at(scores, KS), published, atol=1e-12)


def orders(scores, match):
    """Every order that ties allow: the ranks that the match may have."""
    better = int((scores > scores[match]).sum())
    tied = int((scores == scores[match]).sum())
    return range(better + 1, better + tied + 1)


@settings(max_examples=100, deadline=None)
@given(arrays(np.float64, st.tuples(st.just(5), st.integers(5, 7)), elements=st.integers(-1, 1)))
def test_every_figure_is_the_mean_over_the_orders_of_ties(scores):
    ranks = rank_scores(scores)
    possible = [list(orders(row, match)) for match, row in enumerate(scores)]

    def mean(gain):
        return np.mean([np.mean([gain(rank) for rank in each]) for each in possible])

    for k in (1, 2, 5, 99):
        assert ranks.recall_at(k) == pytest.approx(mean(lambda rank, k=k: rank <= k))
    assert ranks.mean_reciprocal_rank() == pytest.approx(mean(lambda rank: 1 / rank))
    for k in (1, 3, 10):
        gain = mean(lambda rank, k=k: (rank <= k) / np.log2(1 + rank))
        assert ranks.ndcg_at(k) == pytest.approx(gain)
    assert ranks.median_rank() == np.median([np.mean(each) for each in possible])


def test_one_answer_to_everything_gets_chance():
    ranks = rank_scores(np.zeros((40, 40)))
    assert ranks.recall_at(10) == pytest.approx(10 / 40)
    assert ranks.median_rank() == 20.5
    assert published_recall_at(np.zeros((40, 40)), [10]) == [10 / 40]


@pytest.mark.parametrize("block", [1, 7, 64, 1024])
def test_blocks_change_nothing(block):
    draw = np.random.default_rng(0)
    queries = draw.integers(-2, 3, (50, 4)).astype(float)  # exact sums, many ties
    gallery = draw.integers(-2, 3, (80, 4)).astype(float)
    found = match_ranks(queries, gallery, block=block)
    whole = rank_scores(queries @ gallery.T)
    np.testing.assert_array_equal(found.better, whole.better)
    np.testing.assert_array_equal(found.tied, whole.tied)


def test_the_published_rule_evicts_the_first_of_the_least():
    # Slots fill with items 0 and 1, equal; item 2 is better and takes the place of item 0.
    scores = np.array([[0.5, 0.5, 0.9], [0.5, 0.5, 0.9], [0.1, 0.1, 0.9]])
    assert published_recall_at(scores, [2]) == [pytest.approx(2 / 3)]
    assert published_recall_at(np.full((2, 2), -1.0), [2]) == [0.0]  # -1 never enters


def test_order_of_the_gallery_does_not_matter():
    draw = np.random.default_rng(1)
    queries, gallery = draw.normal(size=(2, 30, 5))
    order = draw.permutation(30)
    before, after = match_ranks(queries, gallery), match_ranks(queries[order], gallery[order])
    np.testing.assert_array_equal(before.expected[order], after.expected)


@pytest.mark.parametrize(
    ("queries", "gallery", "message"),
    [
        (np.zeros((3, 2)), np.zeros((3, 4)), "the same width"),
        (np.zeros((3, 2)), np.zeros((2, 2)), "an item for each query"),
        (np.zeros((0, 2)), np.zeros((2, 2)), "an item for each query"),
        (np.full((1, 2), np.nan), np.zeros((2, 2)), "queries: holds values that are not finite"),
        (np.zeros((1, 2)), np.full((2, 2), np.inf), "gallery: holds values that are not finite"),
        (np.zeros(3), np.zeros((2, 2)), r"queries: expected numbers \(n, width\)"),
        (np.array([["a"]]), np.zeros((2, 1)), "queries: expected numbers"),
    ],
)
def test_refused(queries, gallery, message):
    with pytest.raises(DataError, match=message):
        match_ranks(queries, gallery)


@pytest.mark.parametrize("scores", [np.zeros(3), np.zeros((3, 2)), np.array([[np.nan]])])
def test_refused_scores(scores):
    for call in (rank_scores, lambda scores: published_recall_at(scores, [1])):
        with pytest.raises(DataError, match="scores"):
            call(scores)


def test_recall_at_less_than_one_is_refused():
    with pytest.raises(DataError, match="recall at 0"):
        MatchRanks(np.zeros(1, int), np.zeros(1, int)).recall_at(0)


def test_published_rule_against_its_loop():
    """The rule as it is told: one query and one item at a time."""
    draw = np.random.default_rng(2)
    scores = draw.integers(-3, 4, (12, 12)) / 3
    for k in (1, 3, 5):
        hits = 0
        for match, row in enumerate(scores):
            kept, items = [-1.0] * k, [-1] * k
            for item, score in enumerate(row):
                if score > min(kept):
                    place = kept.index(min(kept))
                    kept[place], items[place] = score, item
            hits += match in items
        assert published_recall_at(scores, [k]) == [pytest.approx(hits / 12)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_equal_items_tie_to_the_last_bit(dtype):
    """A float32 product of these shapes rounds equal columns differently."""
    draw = np.random.default_rng(3)
    queries, gallery = (draw.normal(size=(n, 250)).astype(dtype) for n in (300, 2839))
    silent = draw.choice(2839, 45, replace=False)
    gallery[silent] = gallery[silent[0]]
    seen = 0
    for first, scores in blocked_scores(queries, gallery, 128):
        assert first == seen
        assert (scores[:, silent] == scores[:, silent[:1]]).all()
        np.testing.assert_allclose(
            scores, queries[first : first + 128].astype(float) @ gallery.T.astype(float), atol=1e-3
        )
        seen += len(scores)
    assert seen == 300


def test_first_equal():
    draw = np.random.default_rng(4)
    rows = draw.integers(0, 2, (40, 3))
    expected = [np.flatnonzero((rows == row).all(axis=1))[0] for row in rows]
    assert first_equal(rows).tolist() == expected
