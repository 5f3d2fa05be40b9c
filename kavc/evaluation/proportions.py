"""Shares of right answers: intervals, exact tests, and what a published "±" of a share can mean.

All shares are fractions. Answers count as independent: where a video or a rater brings several,
they aren't quite, and a bootstrap over videos (`kavc.evaluation.mean_bootstrap`) says more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from kavc.errors import DataError, unknown
from kavc.evaluation.estimate import FEWEST, Estimate, check_level, normal_quantile

NO_ANSWER = "no answer"
ALTERNATIVES = ("greater", "less", "two-sided")


def wilson_interval(hits: int, count: int, level: float = 0.95) -> Estimate:
    """A share with Wilson's score interval, without a correction for continuity.

    It lies inside [0, 1] and holds for few answers, too, and for shares of 0 and 1.

    Args:
        hits: right answers.
        count: all answers.
        level: confidence, a fraction.

    Returns:
        Estimate; all NaN, with a reason, where there is no answer.

    Raises:
        DataError: `hits` are no whole number from 0 to `count`, or `level` is no fraction.

    Example:
        >>> [round(end, 4) for end in wilson_interval(81, 263).interval]
        [0.2553, 0.3662]

    Reference:
        Wilson, 1927.
    """
    hits, count = _check_counts(hits, count)
    check_level(level)
    if not count:
        return Estimate(math.nan, math.nan, math.nan, level, NO_ANSWER)
    found = binomtest(hits, count).proportion_ci(level, method="wilson")
    return Estimate(hits / count, float(found.low), float(found.high), level)


def normal_interval(hits: int, count: int, level: float = 0.95) -> Estimate:
    """A share with the interval of papers, plus and minus 1.96 sqrt(p (1 - p) / n).

    It is here to be compared with published ones: for few answers it is too narrow, and it may end
    outside [0, 1]. So there is none, with a reason, where right or wrong answers are fewer than
    `kavc.evaluation.estimate.FEWEST`.

    Args, Returns, Raises: as `wilson_interval`.

    Example:
        >>> [round(end, 4) for end in normal_interval(81, 263).interval]
        [0.2522, 0.3638]
        >>> normal_interval(2, 3).reason
        '1 wrong answers: fewer than 10, no normal interval'
    """
    hits, count = _check_counts(hits, count)
    quantile = normal_quantile(level)
    if not count:
        return Estimate(math.nan, math.nan, math.nan, level, NO_ANSWER)
    share, fewest = hits / count, min(hits, count - hits)
    if fewest < FEWEST:
        kind = "right" if fewest == hits else "wrong"
        reason = f"{fewest} {kind} answers: fewer than {FEWEST}, no normal interval"
        return Estimate(share, math.nan, math.nan, level, reason)
    half_width = quantile * math.sqrt(share * (1 - share) / count)
    return Estimate(share, share - half_width, share + half_width, level)


@dataclass(frozen=True)
class ExactTest:
    """An exact test of a share.

    Args:
        share: of right answers; NaN where there is none.
        p: probability of so many right answers or more (of what `alternative` says) by chance; NaN
            where there is no test.
        count: answers.
        chance: share that is tested against.
        alternative: "greater", "less" or "two-sided".
        reason: why there is no test, in words; empty where there is one.
    """

    share: float
    p: float
    count: int
    chance: float = 0.5
    alternative: str = "greater"
    reason: str = ""


def binomial_test(
    hits: int, count: int, chance: float = 0.5, *, alternative: str = "greater"
) -> ExactTest:
    """The exact binomial test of right answers against chance, one-sided unless asked otherwise.

    Args:
        hits: right answers.
        count: all answers.
        chance: share that guessing gives, a fraction.
        alternative: "greater", "less" or "two-sided".

    Returns:
        ExactTest; share and p are NaN, with a reason, where there is no answer.

    Raises:
        DataError: `hits` are no whole number from 0 to `count`, `chance` isn't inside (0, 1), or
            there is no such alternative.

    Example:
        >>> binomial_test(3, 3).p
        0.125
    """
    hits, count = _check_counts(hits, count)
    if not 0 < chance < 1:
        raise DataError(f"chance is {chance}, expected a fraction inside (0, 1) such as 0.5")
    if alternative not in ALTERNATIVES:
        raise DataError(unknown("alternative", alternative, ALTERNATIVES))
    if not count:
        return ExactTest(math.nan, math.nan, 0, chance, alternative, NO_ANSWER)
    p = float(binomtest(hits, count, chance, alternative).pvalue)
    return ExactTest(hits / count, p, count, chance, alternative)


@dataclass(frozen=True)
class McNemar:
    """Two systems' answers compared on the same examples.

    Args:
        only_first: examples that the first alone has right.
        only_second: examples that the second alone has right.
        difference: share of right answers of the first less that of the second; NaN where there is
            no example.
        p: two-sided, exact; NaN where there is no test.
        count: examples.
        reason: why there is no test, in words; empty where there is one.
    """

    only_first: int
    only_second: int
    difference: float
    p: float
    count: int
    reason: str = ""


def mcnemar(first: ArrayLike, second: ArrayLike) -> McNemar:
    """McNemar's exact test: do two systems have equal shares of right answers?

    Only examples that one of them alone has right tell; were both equally good, each of these would
    be a toss of a coin.

    Args:
        first, second: `(n,)` each, whether the system's answer is right, 1 or 0, example by
            example.

    Returns:
        McNemar; p is NaN, with a reason, where no example tells them apart.

    Raises:
        DataError: the shapes differ or aren't `(n,)`, or a value is neither 0 nor 1.

    Example:
        >>> mcnemar([1, 1, 1, 0], [0, 0, 0, 0]).p
        0.25

    Reference:
        McNemar, 1947.
    """
    right = [_check_right(one, name) for one, name in ((first, "first"), (second, "second"))]
    if right[0].shape != right[1].shape:
        raise DataError(
            f"first has {right[0].size} answers, second {right[1].size}; expected the same examples"
        )
    count = right[0].size
    ahead, behind = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    if not count:
        return McNemar(0, 0, math.nan, math.nan, 0, NO_ANSWER)
    difference = (ahead - behind) / count
    if not ahead + behind:
        reason = "both are right and wrong on the same examples"
        return McNemar(0, 0, difference, math.nan, count, reason)
    p = binomial_test(ahead, ahead + behind, alternative="two-sided").p
    return McNemar(ahead, behind, difference, p, count)


@dataclass(frozen=True)
class IntervalSizes:
    """How many answers a published "share ± half width" stands for, by what the "±" is.

    Args:
        interval: answers if it is a normal interval at `level`.
        standard_error: answers if it is one standard error.
        level: confidence of the interval.
    """

    interval: float
    standard_error: float
    level: float = 0.95


def sizes_of_interval(share: float, half_width: float, level: float = 0.95) -> IntervalSizes:
    """How many answers a published "±" of a share can stand for.

    Args:
        share: as published, a fraction inside (0, 1).
        half_width: what stands behind the "±", a fraction above 0.
        level: confidence, if it is an interval.

    Returns:
        IntervalSizes, not rounded: a "±" of two digits leaves them uncertain by some per cent.

    Raises:
        DataError: a number is outside its range, as one in per cent is.

    Example:
        >>> found = sizes_of_interval(0.532, 0.0162)
        >>> round(found.interval), round(found.standard_error)
        (3644, 949)
    """
    for name, value in (("share", share), ("half width", half_width)):
        if not 0 < value < 1:
            raise DataError(f"{name} is {value}, expected a fraction inside (0, 1), not per cent")
    quantile = normal_quantile(level)
    one_error = share * (1 - share) / half_width**2
    return IntervalSizes(quantile**2 * one_error, one_error, level)


def _check_counts(hits: int, count: int) -> tuple[int, int]:
    if int(hits) != hits or int(count) != count or not 0 <= hits <= count:
        raise DataError(f"{hits} right of {count} answers; expected whole numbers, 0 to all")
    return int(hits), int(count)


def _check_right(right: ArrayLike, name: str) -> np.ndarray:
    values = np.asarray(right)
    if values.ndim != 1 or values.dtype.kind not in "buif":
        raise DataError(f"{name} {values.shape} {values.dtype}: expected (n,) of 0 and 1")
    wrong = (values != 0) & (values != 1)
    if wrong.any():
        at = int(wrong.argmax())
        raise DataError(f"{name}[{at}] is {values[at]}, expected 1 (right) or 0 (wrong)")
    return values.astype(bool)
