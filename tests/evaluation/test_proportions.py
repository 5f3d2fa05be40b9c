from __future__ import annotations

from math import comb, sqrt

import numpy as np
import pytest
from scipy.stats import norm

from kavc.errors import DataError
from kavc.evaluation.proportions import (
    binomial_test,
    mcnemar,
    normal_interval,
    sizes_of_interval,
    wilson_interval,
)


@pytest.mark.parametrize(
    "hits, count, expected",
    [  # Newcombe, 1998, method 3
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_intervals_are_the_published_ones(hits, count, expected):
    found = wilson_interval(hits, count)
    assert found.value == hits / count and found.reason == ""
    assert [round(end, 4) for end in found.interval] == list(expected)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_ends_of_wilson_are_where_the_score_test_is_just_not_refused(level):
    hits, count = 37, 60
    z = norm.ppf((1 + level) / 2)
    for end in wilson_interval(hits, count, level).interval:
        assert abs(hits / count - end) / sqrt(end * (1 - end) / count) == pytest.approx(z)


def test_the_normal_interval_is_its_formula():
    found = normal_interval(532, 1000)
    half = 1.959964 * sqrt(0.532 * 0.468 / 1000)
    assert found.interval == pytest.approx((0.532 - half, 0.532 + half), rel=1e-6)


@pytest.mark.parametrize("hits, kind", [(9, "9 right"), (95, "5 wrong"), (0, "0 right")])
def test_a_handful_has_no_normal_interval_and_says_so(hits, kind):
    found = normal_interval(hits, 100)
    assert found.value == hits / 100 and np.isnan(found.interval).all()
    assert found.reason == f"{kind} answers: fewer than 10, no normal interval"


@pytest.mark.parametrize("interval", [wilson_interval, normal_interval])
def test_no_answer_has_no_share(interval):
    found = interval(0, 0)
    assert np.isnan([found.value, *found.interval]).all() and found.reason == "no answer"


def tail(hits, count, chance):
    terms = range(hits, count + 1)
    return sum(comb(count, k) * chance**k * (1 - chance) ** (count - k) for k in terms)


@pytest.mark.parametrize("hits, count, chance", [(0, 1, 0.5), (7, 10, 0.5), (4, 9, 0.2)])
def test_the_binomial_test_sums_the_upper_tail(hits, count, chance):
    found = binomial_test(hits, count, chance)
    assert found.p == pytest.approx(tail(hits, count, chance), rel=1e-12)
    assert (found.share, found.count, found.reason) == (hits / count, count, "")


def test_the_paper_s_accuracy_against_chance_by_both_readings():
    """53.2 % is beyond doubt of 3,644 answers, and of 949 it is not."""
    assert binomial_test(round(0.532 * 3644), 3644).p == pytest.approx(6e-5, rel=0.1)
    assert 0.02 < binomial_test(round(0.532 * 949), 949).p < 0.03


def test_other_alternatives():
    assert binomial_test(3, 10, alternative="less").p == pytest.approx(1 - tail(4, 10, 0.5))
    assert binomial_test(3, 10, alternative="two-sided").p == pytest.approx(2 * tail(7, 10, 0.5))


def test_no_answer_has_no_test():
    found = binomial_test(0, 0)
    assert np.isnan([found.share, found.p]).all() and found.reason == "no answer"


def paired(both, first, second, neither):
    counts = [both, first, second, neither]
    return np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 1, 0], counts)


@pytest.mark.parametrize("first, second", [(6, 16), (1, 0), (12, 3), (5, 5)])
def test_mcnemar_is_twice_the_smaller_tail_of_a_fair_coin(first, second):
    found = mcnemar(*paired(40, first, second, 7))
    count = 47 + first + second
    expected = min(1.0, 2 * tail(max(first, second), first + second, 0.5))
    assert found.p == pytest.approx(expected, rel=1e-12)
    assert (found.only_first, found.only_second, found.count) == (first, second, count)
    assert found.difference == pytest.approx((first - second) / count)
    assert found.difference == pytest.approx(
        np.subtract(*map(np.mean, paired(40, first, second, 7)))
    )


def test_mcnemar_by_enumeration():
    """Of all ways in which 7 tosses fall, those as far from even as 6 to 1."""
    falls = [bin(way).count("1") for way in range(2**7)]
    p = np.mean([max(heads, 7 - heads) >= 6 for heads in falls])
    assert mcnemar(*paired(3, 6, 1, 3)).p == pytest.approx(p)


def test_what_differs_nowhere_has_no_test():
    found = mcnemar([True, False], [True, False])
    assert found.difference == 0.0 and np.isnan(found.p)
    assert found.reason == "both are right and wrong on the same examples"
    empty = mcnemar([], [])
    assert np.isnan([empty.difference, empty.p]).all() and empty.reason == "no answer"


@pytest.mark.parametrize("share, half_width", [(0.532, 0.0162), (0.5594, 0.0161)])
def test_what_the_papers_half_widths_can_mean(share, half_width):
    found = sizes_of_interval(share, half_width)
    assert found.interval == pytest.approx(3650, rel=0.003)
    assert found.standard_error == pytest.approx(950, rel=0.003)


def test_sizes_are_those_of_the_intervals():
    found = normal_interval(300, 500, level=0.9)
    half = found.high - found.value
    assert sizes_of_interval(0.6, half, level=0.9).interval == pytest.approx(500)
    assert sizes_of_interval(0.6, sqrt(0.24 / 500)).standard_error == pytest.approx(500)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: wilson_interval(3, 2), "3 right of 2 answers"),
        (lambda: normal_interval(-1, 2), "-1 right of 2"),
        (lambda: wilson_interval(0.5, 2), "whole numbers"),
        (lambda: wilson_interval(1, 2, 95), "confidence level is 95"),
        (lambda: binomial_test(1, 2, 50), "chance is 50"),
        (lambda: binomial_test(1, 2, alternative="grater"), "did you mean 'greater'"),
        (lambda: mcnemar([1, 0], [1]), "first has 2 answers, second 1"),
        (lambda: mcnemar([1, 2], [1, 0]), r"first\[1\] is 2, expected 1"),
        (lambda: mcnemar([[1]], [[1]]), r"first \(1, 1\)"),
        (lambda: sizes_of_interval(53.2, 0.0162), "share is 53.2, expected a fraction"),
        (lambda: sizes_of_interval(0.532, 1.62), "half width is 1.62"),
        (lambda: sizes_of_interval(0.532, 0.0), "half width is 0.0"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(DataError, match=message):
        call()
