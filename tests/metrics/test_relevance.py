from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse

from kavc.errors import DataError
from kavc.metrics.relevance import label_relevance

ITEMS = 6
RANDOM = np.random.default_rng(0)
LABELS = RANDOM.random((ITEMS, 5)) < 0.4
LABELS[2], LABELS[4] = False, [False, False, False, False, True]  # no label; one of its own
LABELS[[0, 1, 3, 5], 4] = False
LABELS[[0, 1], 0] = True
# Few values: many ties.
QUERIES, GALLERY = RANDOM.integers(-1, 2, (2, ITEMS, 2)).astype(np.float32)


def orders(scores, match):
    """Every order of the other items that ties allow."""
    others = [item for item in range(ITEMS) if item != match]
    every = itertools.permutations(others)
    return [o for o in every if all(scores[a] >= scores[b] for a, b in itertools.pairwise(o))]


def jaccard(a, b):
    either = (LABELS[a] | LABELS[b]).sum()
    return (LABELS[a] & LABELS[b]).sum() / either if either else 0.0


def brute_force(k):
    """Precision and nDCG at k, and their means over all orders, one order at a time."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    rows = []
    for query, scores in enumerate(QUERIES @ GALLERY.T):
        gains = np.array([jaccard(query, item) for item in range(ITEMS)])
        foreign = np.delete(gains, query)
        if not foreign.any():
            continue
        ideal = np.sort(foreign)[::-1][:k] @ discounts
        row = []
        for possible in (orders(scores, query), orders(np.zeros(ITEMS), query)):
            found = np.array([gains[list(order[:k])] for order in possible])
            row += [np.mean(found > 0), np.mean(found @ discounts) / ideal]
        rows.append(row)
    assert len(rows) < ITEMS  # some have no answer
    return np.mean(rows, axis=0)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("block", [1, 4, 256])
def test_is_the_mean_over_the_orders_of_ties(k, block):
    labels = scipy.sparse.csr_matrix(LABELS)
    found = label_relevance(QUERIES, GALLERY, labels, k=5, block=block)
    values = [
        found.precision_at(k), found.ndcg_at(k), found.chance_precision(), found.chance_ndcg_at(k),
    ]  # fmt: skip
    # Jaccard indices are float32.
    np.testing.assert_allclose(values, brute_force(k), atol=1e-6)
    assert found.answerable.tolist() == [LABELS[i].any() and i != 4 for i in range(ITEMS)]


def test_the_best_order_has_ndcg_one_and_its_own_match_does_not_count():
    labels = scipy.sparse.csr_matrix(np.repeat(np.eye(4, dtype=bool), 3, axis=0))
    same = np.repeat(np.eye(4), 3, axis=0)
    found = label_relevance(same, same, labels, k=2)
    assert found.ndcg_at(2) == found.precision_at(2) == pytest.approx(1)
    assert found.chance_precision() == pytest.approx(2 / 11)
    alone = label_relevance(np.eye(4), np.eye(4), scipy.sparse.csr_matrix(np.eye(4, dtype=bool)))
    assert not alone.answerable.any()
    assert np.isnan([alone.precision_at(1), alone.ndcg_at(3), alone.chance_ndcg_at(1)]).all()


def test_few_items_give_few_places():
    labels = scipy.sparse.csr_matrix(np.ones((3, 1), bool))
    found = label_relevance(np.eye(3), np.eye(3), labels, k=10)
    assert found.shares.shape == found.gains.shape == found.ideal.shape == (3, 2)
    with pytest.raises(DataError, match="relevance at 3: expected 1 to 2"):
        found.precision_at(3)


@pytest.mark.parametrize("queries, items, labels", [(3, 3, 2), (2, 3, 3), (1, 1, 1)])
def test_refused(queries, items, labels):
    with pytest.raises(DataError, match="expected as many of each, two at least"):
        label_relevance(
            np.zeros((queries, 2)), np.zeros((items, 2)), scipy.sparse.csr_matrix((labels, 4))
        )
