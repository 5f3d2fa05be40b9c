from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kavc.errors import DataError
from kavc.metrics.agreement import (
    EQUAL_MEANS,
    FEW_ITEMS,
    NO_RATING,
    NO_VARIANCE,
    NOBODY_TWICE,
    ONE_ITEM,
    fleiss_kappa,
    icc,
    krippendorff_alpha,
    noise_ceiling,
    split_half,
)

NAN = np.nan
# Shrout & Fleiss, 1979, Table 2: six targets, four judges.
TARGETS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
# Krippendorff, Computing alpha-reliability, D: four observers, twelve units.
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
# Ten subjects, fourteen raters, five categories: the usual example of Fleiss' kappa.
SUBJECTS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def test_icc_of_shrout_and_fleiss():
    found = icc(TARGETS)
    assert round(found.single.value, 2) == 0.17
    assert round(found.average.value, 2) == 0.44
    assert (found.raters, found.single.items, found.single.reason) == (4.0, 6, "")
    # Their Table 3: mean squares of 11.24 between and 6.26 within targets.
    assert found.average.value == pytest.approx((11.24 - 6.26) / 11.24, abs=1e-3)


def test_values_are_plain_numbers():
    for found in (icc(TARGETS).single, icc(TARGETS).average, krippendorff_alpha(TARGETS)):
        assert type(found.value) is float


def test_columns_may_be_raters_or_just_places():
    random = np.random.default_rng(0)
    shuffled = random.permuted(np.array(TARGETS, float), axis=1)
    assert icc(shuffled).single.value == pytest.approx(icc(TARGETS).single.value)


def test_icc_of_unequal_numbers_is_right_on_average():
    """True values 1 / (1 + 2) and the same for the mean of k; thousands of items."""
    random = np.random.default_rng(1)
    truth = random.normal(size=(20_000, 1))
    ratings = truth + np.sqrt(2) * random.normal(size=(20_000, 6))
    counts = random.integers(1, 7, size=20_000)
    ratings[np.arange(6) >= counts[:, None]] = NAN
    found = icc(ratings)
    k = 1 / np.mean(1 / counts)
    assert found.raters == pytest.approx(k)
    assert found.single.value == pytest.approx(1 / 3, abs=0.02)
    assert found.average.value == pytest.approx(k / (k + 2), abs=0.02)


def test_items_without_rating_do_not_count():
    more = np.vstack([TARGETS, np.full((3, 4), NAN)])
    assert icc(more) == icc(TARGETS)


@pytest.mark.parametrize(
    "level, expected", [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_of_krippendorff(level, expected):
    found = krippendorff_alpha(OBSERVERS.T, level)
    assert round(found.value, 3) == expected
    assert found.items == 11  # the twelfth was observed once


def slow_alpha(table, level):
    """By its definition, over all ordered pairs."""
    rows = [[x for x in row if x == x] for row in np.asarray(table, float).tolist()]
    rows = [row for row in rows if len(row) > 1]
    every = sorted(x for row in rows for x in row)

    def distance(a, b):
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return (a - b) ** 2
        low, high = min(a, b), max(a, b)
        ends = (every.count(a) + every.count(b)) / 2
        return (sum(low <= x <= high for x in every) - ends) ** 2 if a != b else 0.0

    n = len(every)
    observed = sum(
        sum(distance(a, b) for a, b in permutations(row, 2)) / (len(row) - 1) for row in rows
    )
    expected = sum(distance(a, b) for a, b in permutations(every, 2)) / (n - 1)
    return 1 - observed / expected


tables = st.lists(
    st.lists(st.sampled_from([1.0, 2.0, 3.5, 7.0, NAN]), min_size=4, max_size=4),
    min_size=2,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(tables, st.sampled_from(["nominal", "ordinal", "interval"]))
def test_alpha_is_its_definition(table, level):
    found = krippendorff_alpha(table, level)
    if found.reason:
        assert np.isnan(found.value)
    else:
        assert found.value == pytest.approx(slow_alpha(table, level), abs=1e-9)


def test_alphas_invariances():
    table = OBSERVERS.T
    assert krippendorff_alpha(np.exp(table), "ordinal") == krippendorff_alpha(table, "ordinal")
    interval = krippendorff_alpha(table, "interval").value
    assert krippendorff_alpha(1e-9 * table, "interval").value == pytest.approx(interval)
    assert krippendorff_alpha(table + 1000, "interval").value == pytest.approx(interval)


def test_kappa_of_fleiss():
    found = fleiss_kappa(SUBJECTS)
    assert round(found.value, 3) == 0.210 and found.items == 10


def test_kappa_is_agreement_of_pairs():
    counts = np.array([[3, 0], [2, 1], [0, 3], [1, 2]])
    answers = [[0] * a + [1] * b for a, b in counts]
    agreed = np.mean([np.mean([x == y for x, y in combinations(row, 2)]) for row in answers])
    assert fleiss_kappa(counts).value == pytest.approx((agreed - 0.5) / 0.5)
    # What one rater answered tells nothing of agreement.
    assert fleiss_kappa([*counts.tolist(), [1, 0]]) == fleiss_kappa(counts)


def test_the_noise_ceiling_by_enumeration():
    counts = [[4, 1, 0], [2, 2, 1], [1, 1, 0], [0, 3, 0]]
    majority, held_out = [], []
    for row in counts:
        answers = np.repeat([0, 1, 2], row).tolist()
        majority.append(max(row) / len(answers))
        meets = []
        for at, answer in enumerate(answers):
            others = answers[:at] + answers[at + 1 :]
            votes = [others.count(c) for c in range(3)]
            tied = [c for c in range(3) if votes[c] == max(votes)]
            meets.append((answer in tied) / len(tied))
        held_out.append(np.mean(meets))
    found = noise_ceiling([*counts, [1, 0, 0]])
    assert found.majority.value == pytest.approx(np.mean(majority))
    assert found.held_out.value == pytest.approx(np.mean(held_out))
    assert found.majority.items == found.held_out.items == 4


def test_the_true_ceiling_lies_between():
    random = np.random.default_rng(2)
    p = random.uniform(0.2, 0.8, size=20_000)
    first = random.binomial(5, p)
    found = noise_ceiling(np.stack([first, 5 - first], axis=1))
    ceiling = np.maximum(p, 1 - p).mean()
    # A standard error of the means is below 0.002.
    assert found.held_out.value + 0.02 < ceiling < found.majority.value - 0.02


def test_coins_have_a_majority_and_no_agreement():
    counts = np.repeat([[2, 0], [1, 1], [0, 2]], [100, 200, 100], axis=0)
    found = noise_ceiling(counts)
    assert (found.majority.value, found.held_out.value) == (0.75, 0.5)
    assert fleiss_kappa(counts).value == pytest.approx(0.0)


def test_split_half_of_two_raters_is_spearman_brown_of_their_correlation():
    """Items and raters are exchangeable here: each split has the same r as any other, nearly."""
    random = np.random.default_rng(3)
    truth = random.normal(size=(2000, 1))
    ratings = truth + random.normal(size=(2000, 2))
    found = split_half(ratings, seed=0, draws=20)
    r = 0.5  # of two ratings, by their variances
    assert found.value == pytest.approx(2 * r / (1 + r), abs=0.04)
    assert found.value == pytest.approx(icc(ratings).average.value, abs=0.01)
    assert found.items == 2000


def test_split_half_takes_unequal_numbers_and_repeats_by_its_seed():
    random = np.random.default_rng(4)
    ratings = random.normal(size=(300, 1)) + random.normal(size=(300, 9))
    ratings[:100, 7:] = NAN
    found = split_half(ratings, seed=5, draws=30)
    assert found == split_half(ratings, seed=5, draws=30)
    assert found != split_half(ratings, seed=6, draws=30)
    assert found.value == pytest.approx(icc(ratings).average.value, abs=0.03)


def test_halves_are_all_of_an_items_ratings():
    from kavc.metrics.agreement import _halves

    table = np.array([[1.0, 10, 100, NAN], [NAN, 1, NAN, 10], [1, 10, 100, 1000]])
    sums, sizes = [111, 11, 1111], [3, 2, 4]
    random = np.random.default_rng(0)
    for _ in range(20):
        first, second = _halves(table, random)
        for a, b, total, n in zip(first, second, sums, sizes, strict=True):
            ways = [(n // 2, n - n // 2), (n - n // 2, n // 2)]
            assert any(a * i + b * j == pytest.approx(total) for i, j in ways)


FUNCTIONS = {
    "icc": lambda x: icc(x).single,
    "icc of means": lambda x: icc(x).average,
    "alpha": krippendorff_alpha,
    "nominal alpha": lambda x: krippendorff_alpha(x, "nominal"),
    "split half": split_half,
}
UNDEFINED = {
    "no rating": (np.full((3, 2), NAN), NO_RATING),
    "none": (np.zeros((0, 3)), NO_RATING),
    "one rater": ([[1.0], [2.0], [3.0]], NOBODY_TWICE),
    "nobody twice": ([[1, NAN], [NAN, 2], [3, NAN]], NOBODY_TWICE),
    "one item": ([[1, 2, 3]], ONE_ITEM),
    "no variance": ([[4, 4], [4, 4], [4, 4]], NO_VARIANCE),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("case", UNDEFINED)
def test_what_is_undefined_is_nan_with_a_reason(function, case):
    table, reason = UNDEFINED[case]
    found = FUNCTIONS[function](np.asarray(table, float))
    assert np.isnan(found.value)
    if (function, case) == ("split half", "no variance"):
        reason = EQUAL_MEANS
    assert found.reason == reason


def test_items_of_equal_means():
    found = icc([[1, 7], [7, 1], [4, 4]])
    assert found.single.value == pytest.approx(-1.0)  # k = 2: raters disagree as far as can be
    assert np.isnan(found.average.value) and found.average.reason == EQUAL_MEANS


def test_equal_ratings_that_rounding_parts_have_no_variance():
    table = 0.1 + np.array([[0.0, 1.4e-17, -1.4e-17]] * 4)
    assert len(np.unique(table)) == 3
    assert icc(table).single.reason == NO_VARIANCE


def test_two_items_have_no_split_half():
    assert split_half([[1, 2], [3, 4]]).reason == FEW_ITEMS


@pytest.mark.parametrize(
    "counts, reason",
    [([[1, 0], [0, 1]], NOBODY_TWICE), ([[2, 1]], ONE_ITEM), ([[3, 0], [2, 0]], NO_VARIANCE)],
)
def test_kappa_undefined(counts, reason):
    found = fleiss_kappa(counts)
    assert np.isnan(found.value) and found.reason == reason


def test_no_ceiling_without_repeats():
    found = noise_ceiling([[1, 0], [0, 1]])
    assert np.isnan([found.majority.value, found.held_out.value]).all()
    assert found.majority.reason == found.held_out.reason == NOBODY_TWICE


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: icc([1, 2]), r"ratings \(2,\)"),
        (lambda: icc([["a"]]), "expected numbers"),
        (lambda: icc([[1, np.inf]]), r"ratings\[0, 1\] is infinite"),
        (lambda: krippendorff_alpha([[1, 2]], "ordnal"), "did you mean 'ordinal'"),
        (lambda: fleiss_kappa([[1, -1]]), "whole numbers from 0"),
        (lambda: noise_ceiling([[0.5, 1]]), "whole numbers from 0"),
        (lambda: noise_ceiling([[NAN, 1]]), "whole numbers from 0"),
        (lambda: fleiss_kappa([1, 2]), r"counts \(2,\)"),
        (lambda: split_half([[1, 2]], draws=0), "draws is 0"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(DataError, match=message):
        call()
