"""How often each item is found: by hand, against SciPy, and over ties."""

import numpy as np
import pytest
import scipy.stats

from kavc.errors import DataError
from kavc.metrics.hubness import hubness


@pytest.fixture
def spaces():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 5)).astype("f4"), rng.normal(size=(70, 5)).astype("f4")


@pytest.mark.parametrize("block", [7, 256])
def test_it_counts_the_first_places_of_every_query(spaces, block):
    queries, items = spaces
    first = np.argsort(-(queries @ items.T), axis=1)[:, :10]
    counts = np.bincount(first.ravel(), minlength=70)
    found = hubness(queries, items, 10, block=block)
    np.testing.assert_array_equal(found.occurrence, counts)
    assert found.skewness == pytest.approx(scipy.stats.skew(counts))
    assert found.never == np.mean(counts == 0) and found.largest == counts.max()


def test_items_that_tie_for_the_last_place_share_it():
    items = [[1.0, 0.0], [0.5, 0.0], [0.5, 0.0], [0.0, 1.0]]
    found = hubness([[1.0, 0.0]], items, 2)
    assert found.occurrence.tolist() == [1.0, 0.5, 0.5, 0.0]


def test_an_item_near_to_everything_is_what_makes_it_skew(spaces):
    queries, items = spaces
    items = np.vstack([items, 9 * queries.mean(axis=0)])
    queries = queries + 3 * queries.mean(axis=0)
    assert hubness(queries, items).skewness > hubness(queries, items[:-1]).skewness


def test_where_all_are_found_alike_there_is_no_skewness():
    assert np.isnan(hubness(np.eye(3), np.eye(3), 1).skewness)


@pytest.mark.parametrize("k", [0, 4])
def test_k_beyond_the_items_is_refused(k):
    with pytest.raises(DataError, match=f"hubness at {k}: expected 1 to 3"):
        hubness(np.eye(3), np.eye(3), k)
