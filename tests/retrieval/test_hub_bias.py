"""Both rules against their definitions, in float64."""

import numpy as np
import pytest

from kavc.retrieval import hub_bias
from kavc.retrieval.hub_bias import csls_bias, inverted_softmax_bias


def units(count, dim=6, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("f4")


ITEMS, BANK = units(40), units(25, seed=1)
COSINES = ITEMS.astype("f8") @ BANK.T.astype("f8")


@pytest.mark.parametrize("beta", [0.5, 20.0, 1000.0])
def test_inverted_softmax(beta):
    wanted = np.log(np.exp(beta * (COSINES - 1)).mean(axis=1)) / beta + 1
    np.testing.assert_allclose(inverted_softmax_bias(ITEMS, BANK, beta), wanted, atol=1e-6)


def test_its_ends_are_the_mean_and_the_largest_cosine():
    cold, hot = (inverted_softmax_bias(ITEMS, BANK, beta) for beta in (1e4, 1e-3))
    np.testing.assert_allclose(cold, COSINES.max(axis=1), atol=1e-3)
    np.testing.assert_allclose(hot, COSINES.mean(axis=1), atol=1e-3)


def test_a_corrected_score_is_the_logarithm_of_a_softmax_over_queries():
    """Smith et al., 2017, equation 7: the share of a query among all queries of an item."""
    beta = 10.0
    scores = np.exp(beta * COSINES)
    share = scores / scores.sum(axis=1, keepdims=True)
    corrected = COSINES - inverted_softmax_bias(ITEMS, BANK, beta)[:, None]
    constant = np.log(share) / beta - corrected
    np.testing.assert_allclose(constant, constant[0, 0], atol=1e-6)


@pytest.mark.parametrize("neighbours", [1, 10, 25, 100])
def test_csls(neighbours):
    """Conneau et al., 2018: the mean cosine with the nearest ones; all, if there are fewer."""
    wanted = np.sort(COSINES, axis=1)[:, -neighbours:].mean(axis=1)
    np.testing.assert_allclose(csls_bias(ITEMS, BANK, neighbours), wanted, atol=1e-6)


def test_csls_orders_as_its_published_score():
    queries = units(9, seed=2)
    cosines = queries.astype("f8") @ ITEMS.T.astype("f8")
    own = np.sort(cosines, axis=1)[:, -10:].mean(axis=1, keepdims=True)
    near = np.sort(COSINES, axis=1)[:, -10:].mean(axis=1)
    published = 2 * cosines - own - near
    ours = cosines - csls_bias(ITEMS, BANK, 10) / 2
    np.testing.assert_array_equal(np.argsort(-published), np.argsort(-ours))


def test_a_row_that_stands_for_several_counts_so_often():
    weights = np.random.default_rng(3).integers(1, 5, len(BANK))
    found = inverted_softmax_bias(ITEMS, BANK, weights=weights)
    repeated = inverted_softmax_bias(ITEMS, np.repeat(BANK, weights, axis=0))
    np.testing.assert_allclose(found, repeated, atol=1e-6)
    np.testing.assert_allclose(inverted_softmax_bias(ITEMS, BANK, weights=0.1 * weights), found)


@pytest.mark.parametrize("rule", [inverted_softmax_bias, csls_bias])
def test_an_items_own_query_is_left_out(rule):
    items = BANK[:3]  # each as near to its own as can be
    own = np.array([0, -1, 2])
    found = rule(items, BANK, own=own)
    wanted = [
        rule(items[:1], np.delete(BANK, 0, 0))[0],
        rule(items[1:2], BANK)[0],
        rule(items[2:], np.delete(BANK, 2, 0))[0],
    ]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("rule", [inverted_softmax_bias, csls_bias])
@pytest.mark.parametrize("rows", [2, 17, 37])
def test_equal_items_have_equal_biases_to_the_last_bit(rule, rows):
    """Else they would not tie. In float32 the products of some of these differ."""
    items = np.repeat(units(5, 128, seed=4), 21, axis=0)[:101]
    found = rule(items, units(rows, 128, seed=5))
    assert len(np.unique(found)) == 5


@pytest.mark.parametrize("rule", [inverted_softmax_bias, csls_bias])
def test_blocks_change_nothing(rule, monkeypatch):
    whole = rule(ITEMS, BANK, own=np.arange(40) % 25)
    monkeypatch.setattr(hub_bias, "SCORES", 3 * len(BANK))
    np.testing.assert_allclose(rule(ITEMS, BANK, own=np.arange(40) % 25), whole, atol=1e-6)
