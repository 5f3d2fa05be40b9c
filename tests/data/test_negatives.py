import numpy as np
import pytest
import scipy.sparse

from kavc.data.negatives import draw_negatives


def labels(rows, classes=6):
    return scipy.sparse.csr_matrix(np.eye(classes, dtype=bool)[np.arange(rows) % classes])


def test_exact_share_and_never_its_own_partner():
    source, negative = draw_negatives(labels(50), 0.6, np.random.default_rng(0))
    assert negative.sum() == 30
    rows = np.arange(50)
    assert np.array_equal(source[~negative], rows[~negative])
    assert np.all(source[negative] != rows[negative])


def test_bernoulli_varies_about_the_share():
    rng = np.random.default_rng(0)
    counts = [draw_negatives(labels(200), 0.6, rng, draw="bernoulli")[1].sum() for _ in range(50)]
    assert np.std(counts) == pytest.approx((200 * 0.6 * 0.4) ** 0.5, rel=0.4)
    assert np.mean(counts) == pytest.approx(120, abs=5)


def test_disjoint_partners_share_no_label():
    some = labels(60, classes=3)
    source, negative = draw_negatives(some, 1.0, np.random.default_rng(0), disjoint_labels=True)
    assert negative.all()
    assert np.all(source % 3 != np.arange(60) % 3)


def test_where_all_share_a_label_the_draw_ends():
    everyone = scipy.sparse.csr_matrix(np.ones((8, 1), bool))
    source, _ = draw_negatives(everyone, 1.0, np.random.default_rng(0), disjoint_labels=True)
    assert np.all(source != np.arange(8))


def test_partners_are_equally_likely():
    rng = np.random.default_rng(0)
    drawn = np.stack([draw_negatives(labels(5), 1.0, rng)[0] for _ in range(2000)])
    counts = np.array([[np.sum(drawn[:, row] == other) for other in range(5)] for row in range(5)])
    assert np.all(np.diag(counts) == 0)
    off = counts[~np.eye(5, dtype=bool)]
    assert off.min() > 500 - 5 * 20 and off.max() < 500 + 5 * 20  # five standard deviations


def test_a_lonely_row_stays_a_positive():
    source, negative = draw_negatives(labels(1), 1.0, np.random.default_rng(0))
    assert source.tolist() == [0] and negative.tolist() == [False]
