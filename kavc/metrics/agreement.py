"""How far raters agree: intraclass correlation, alpha, kappa, noise ceiling, split half.

Ratings are `(items, raters)`, NaN where nobody rated. Who is behind a column does not matter: each
item may have had raters of its own, as where a crowd rates. What can't be computed is NaN and says
why. Formulas: Shrout & Fleiss, 1979 (ICC); Krippendorff, 2004 (alpha); Fleiss, 1971 (kappa).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import hmean, rankdata

from kavc.errors import DataError, unknown

LEVELS = ("nominal", "ordinal", "interval")
ROUNDING = 1e-12  # relative: means of equal numbers agree to some 1e-15

NO_RATING = "no rating"
NOBODY_TWICE = "no item was rated by two raters"
ONE_ITEM = "one item: nothing to tell it from"
FEW_ITEMS = "fewer than three items were rated by two raters"
NO_VARIANCE = "no variance: all ratings are equal"
EQUAL_MEANS = "all items have the same mean rating"


@dataclass(frozen=True)
class Agreement:
    """How far raters agree.

    Args:
        value: 1 is perfect; NaN where it is undefined.
        reason: why it is, in words; empty where there is a value.
        items: items that it rests on.

    Example:
        >>> krippendorff_alpha([[1, math.nan], [2, math.nan]]).reason
        'no item was rated by two raters'
        >>> found = icc([[1, 1], [2, 2], [3, 3]]).single
        >>> float(found.value), found.items
        (1.0, 3)
    """

    value: float
    reason: str = ""
    items: int = 0


@dataclass(frozen=True)
class IntraclassCorrelation:
    """One-way random effects: each item has raters of its own.

    Args:
        single: ICC(1,1), the reliability of one rating.
        average: ICC(1,k), the reliability of an item's mean rating.
        raters: k, the harmonic mean of the ratings of an item; NaN without ratings.

    Reference:
        Shrout and Fleiss, "Intraclass Correlations: Uses in Assessing Rater Reliability", 1979.

    Example:
        >>> found = icc([[1, 2, 1], [3, 3, math.nan], [6, 5, 6]])
        >>> [round(float(x), 3) for x in (found.single.value, found.average.value, found.raters)]
        [0.946, 0.978, 2.571]
    """

    single: Agreement
    average: Agreement
    raters: float


def icc(ratings: ArrayLike) -> IntraclassCorrelation:
    """The one-way intraclass correlations, ICC(1,1) and ICC(1,k), by the analysis of variance.

    Where items have unequal numbers of ratings, k is their harmonic mean, and the mean square
    between items is k times the variance of the items' means. The two belong together: so its
    expectation is that of equal numbers.

    Args:
        ratings: `(items, raters)`, NaN where missing; items without any are left out.

    Raises:
        DataError: `ratings` are no such numbers.

    Reference:
        Shrout and Fleiss, 1979.

    Example:
        >>> bool(icc([[1, 2], [3, 3], [6, 5]]).single.value > 0.9)
        True
    """
    table = _check_ratings(ratings)
    table = table[(~np.isnan(table)).any(axis=1)]
    counts = (~np.isnan(table)).sum(axis=1)
    items = len(table)
    k = round(float(hmean(counts)), 12) if items else math.nan
    if reason := _too_little(counts):
        nothing = Agreement(math.nan, reason, items)
        return IntraclassCorrelation(nothing, nothing, k)
    means = np.nanmean(table, axis=1)
    between = k * _square(means - means.mean(), table) / (items - 1)
    within = _square(table - means[:, None], table) / (counts.sum() - items)
    single = _ratio(between - within, between + (k - 1) * within, NO_VARIANCE, items)
    average = single if single.reason else _ratio(between - within, between, EQUAL_MEANS, items)
    return IntraclassCorrelation(single, average, k)


def krippendorff_alpha(ratings: ArrayLike, level: str = "ordinal") -> Agreement:
    """Krippendorff's alpha: 1 less observed over expected disagreement of two ratings of one item.

    The ordinal metric's distance of two values is that of their mid-ranks among all ratings, so
    that ordinal alpha is interval alpha of mid-ranks.

    Args:
        ratings: `(items, raters)`, NaN where missing; items with fewer than two are left out.
        level: "nominal" (equal or not), "ordinal" (which is more) or "interval" (by how much).

    Raises:
        DataError: `ratings` are no such numbers, or there is no such level.

    Reference:
        Krippendorff, "Content Analysis", 2004.

    Example:
        >>> ratings = [[1, 1], [2, 2], [3, 4]]
        >>> {level: round(float(krippendorff_alpha(ratings, level).value), 3) for level in LEVELS}
        {'nominal': 0.615, 'ordinal': 0.949, 'interval': 0.878}
    """
    if level not in LEVELS:
        raise DataError(unknown("level", level, LEVELS))
    table = _check_ratings(ratings)
    reason = _too_little((~np.isnan(table)).sum(axis=1))
    table = table[(~np.isnan(table)).sum(axis=1) >= 2]
    there = ~np.isnan(table)
    counts, items = there.sum(axis=1), len(table)
    if reason or items < 2:
        return Agreement(math.nan, reason or ONE_ITEM, items)
    if level == "ordinal":
        ranks = np.full(table.shape, np.nan)
        ranks[there] = rankdata(table[there])
        table = ranks
    observed, expected = _nominal(table) if level == "nominal" else _squared(table, counts)
    return _ratio(expected - observed, expected, NO_VARIANCE, items)


def fleiss_kappa(counts: ArrayLike) -> Agreement:
    """Fleiss' kappa: agreement beyond what the shares of the categories would give by chance.

    Where items have unequal numbers of ratings, each item's agreement counts alike, and the shares
    are those of all ratings.

    Args:
        counts: `(items, categories)`, how many raters put the item there; items with fewer than two
            ratings are left out.

    Raises:
        DataError: `counts` are no whole numbers from 0.

    Reference:
        Fleiss, "Measuring nominal scale agreement among many raters", 1971.

    Example:
        >>> fleiss_kappa([[3, 0], [0, 3]]).value  # three raters, always of one mind
        1.0
        >>> round(fleiss_kappa([[3, 0], [1, 2]]).value, 3)
        0.25
    """
    table = _check_counts(counts)
    raters = table.sum(axis=1)
    if len(table) < 2:
        reason = ONE_ITEM if len(table) else NOBODY_TWICE
        return Agreement(math.nan, reason, len(table))
    agreed = (table * (table - 1)).sum(axis=1) / (raters * (raters - 1))
    shares = table.sum(axis=0) / table.sum()
    chance = float((shares**2).sum())
    return _ratio(float(agreed.mean()) - chance, 1 - chance, NO_VARIANCE, len(table))


@dataclass(frozen=True)
class NoiseCeiling:
    """What share of single answers anything that answers by the item alone could meet.

    The ceiling lies between these two, but for the luck of the sample.

    Args:
        majority: mean share of an item's raters who are of its most frequent answer. Optimistic
            where raters are few: the answer was chosen after looking at theirs. Two coins' is 0.75.
        held_out: how often one rater is of the answer that most of the item's others gave, a tie
            counting one over the tied ones. Free of that, but a majority of few errs: pessimistic.

    Example:
        >>> found = noise_ceiling([[1, 1], [2, 0]])
        >>> found.majority.value, found.held_out.value  # who disagrees, meets nobody
        (0.75, 0.5)
    """

    majority: Agreement
    held_out: Agreement


def noise_ceiling(counts: ArrayLike) -> NoiseCeiling:
    """The mean majority share, and the expected agreement of one rater with most of the others.

    Args:
        counts: `(items, categories)`, how many raters put the item there; items with fewer than two
            ratings are left out.

    Raises:
        DataError: `counts` are no whole numbers from 0.

    Example:
        >>> found = noise_ceiling([[3, 1]])
        >>> found.majority.value, found.held_out.value  # of four, the three meet two against one
        (0.75, 0.75)
    """
    table = _check_counts(counts)
    if not len(table):
        return NoiseCeiling(Agreement(math.nan, NOBODY_TWICE), Agreement(math.nan, NOBODY_TWICE))
    raters, categories = table.sum(axis=1), table.shape[1]
    majority = float((table.max(axis=1) / raters).mean())
    # Each category's raters in turn: one of them is taken out, and compared with what is left.
    without: np.ndarray = table[:, None, :] - np.eye(categories, dtype=np.int64)
    most: np.ndarray = without == without.max(axis=2, keepdims=True)
    meets = np.einsum("icc->ic", most) / most.sum(axis=2)
    held_out = float(((table * meets).sum(axis=1) / raters).mean())
    items = len(table)
    return NoiseCeiling(Agreement(majority, "", items), Agreement(held_out, "", items))


def split_half(ratings: ArrayLike, seed: int = 0, draws: int = 100) -> Agreement:
    """Split-half reliability of the items' mean ratings: Spearman and Brown's 2r / (1 + r).

    In each draw every item's ratings are split at random into two halves, which differ by one
    where the number is odd; r is the mean over draws of the halves' Pearson correlation over items.

    Args:
        ratings: `(items, raters)`, NaN where missing; items with fewer than two are left out.
        seed: of the splits.
        draws: how often to split.

    Returns:
        Agreement; undefined below three such items, since two lie on a line whatever they are.

    Raises:
        DataError: `ratings` are no such numbers, or `draws` is below 1.

    Reference:
        Spearman, 1910; Brown, 1910.

    Example:
        >>> round(split_half([[1, 2, 1, 2], [3, 3, 4, 4], [6, 5, 6, 7]]).value, 3)
        0.992
        >>> split_half([[1, 2], [3, 4]]).reason
        'fewer than three items were rated by two raters'
    """
    if draws < 1:
        raise DataError(f"draws is {draws}, expected 1 or more")
    table = _check_ratings(ratings)
    reason = _too_little((~np.isnan(table)).sum(axis=1))
    table = table[(~np.isnan(table)).sum(axis=1) >= 2]
    items = len(table)
    if reason or items < 3:
        return Agreement(math.nan, reason or FEW_ITEMS, items)
    random = np.random.default_rng(seed)
    found = np.array([_correlation(*_halves(table, random), table) for _ in range(draws)])
    if np.isnan(found).all():
        return Agreement(math.nan, EQUAL_MEANS, items)
    r = float(np.nanmean(found))
    if 1 + r <= ROUNDING:
        return Agreement(math.nan, "the halves are each other's opposite", items)
    return Agreement(2 * r / (1 + r), "", items)


def _halves(table: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Means of two random halves of each row's numbers, (items,) each."""
    missing = np.isnan(table)
    # Random places, those of missing numbers last.
    places = np.argsort(random.random(table.shape) + missing, axis=1)
    shuffled = np.take_along_axis(np.where(missing, 0, table), places, axis=1)
    counts = (~missing).sum(axis=1)
    # Of an odd number the first half has one more or one less, by a coin.
    first = (counts + random.integers(2, size=len(table))) // 2
    sums = np.cumsum(shuffled, axis=1)
    head = np.take_along_axis(sums, first[:, None] - 1, axis=1)[:, 0]
    return head / first, (sums[:, -1] - head) / (counts - first)


def _correlation(first: np.ndarray, second: np.ndarray, ratings: np.ndarray) -> float:
    one, other = first - first.mean(), second - second.mean()
    squares = _square(one, ratings) * _square(other, ratings)
    return float(one @ other) / math.sqrt(squares) if squares else math.nan


def _nominal(table: np.ndarray) -> tuple[float, float]:
    """Observed and expected disagreement where values are equal or not."""
    there = ~np.isnan(table)
    counts, total = there.sum(axis=1), int(there.sum())
    values, value_of = np.unique(table[there], return_inverse=True)
    item_of = np.nonzero(there)[0]
    cells, of_cell = np.unique(item_of * len(values) + value_of, return_counts=True)
    equal = np.bincount(cells // len(values), of_cell**2, len(table))
    observed = float(((counts**2 - equal) / (counts - 1)).sum()) / total
    every = np.bincount(value_of).astype(float)
    return observed, float(total**2 - (every**2).sum()) / (total * (total - 1))


def _squared(table: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Observed and expected squared distance of two values; sums over pairs by their variances."""
    total = counts.sum()
    deviations = table - np.nanmean(table, axis=1)[:, None]
    scale = np.sqrt(counts / (counts - 1))[:, None]
    observed = 2 * _square(scale * deviations, table) / total
    return observed, 2 * _square(table - np.nanmean(table), table) / (total - 1)


def _square(deviations: np.ndarray, ratings: np.ndarray) -> float:
    """Sum of squares, missing ones left out; 0 where all are rounding, by the ratings' size."""
    size = float(np.nanmax(np.abs(ratings)))
    if float(np.nanmax(np.abs(deviations))) <= ROUNDING * size:
        return 0.0
    return float(np.nansum(deviations**2))


def _ratio(above: float, below: float, reason: str, items: int) -> Agreement:
    if not below:
        return Agreement(math.nan, reason, items)
    return Agreement(float(above / below), "", items)


def _too_little(counts: np.ndarray) -> str:
    """Why ratings can't be compared, or nothing."""
    if not counts.sum():
        return NO_RATING
    if counts.max() < 2:
        return NOBODY_TWICE
    return ONE_ITEM if (counts > 0).sum() < 2 else ""


def _check_ratings(ratings: ArrayLike) -> np.ndarray:
    table = np.asarray(ratings)
    if table.ndim != 2 or table.dtype.kind not in "buif":
        raise DataError(
            f"ratings {table.shape} {table.dtype}: expected numbers (items, raters), NaN where"
            " missing"
        )
    if np.isinf(table).any():
        item, rater = np.argwhere(np.isinf(table))[0]
        raise DataError(f"ratings[{item}, {rater}] is infinite, expected a number, or NaN")
    return table.astype(np.float64)


def _check_counts(counts: ArrayLike) -> np.ndarray:
    """Returns the counts of items that have two ratings at least, (items, categories) int64."""
    table = np.asarray(counts)
    if table.ndim != 2 or table.dtype.kind not in "buif" or not table.shape[1]:
        raise DataError(f"counts {table.shape} {table.dtype}: expected numbers (items, categories)")
    whole = table.astype(np.int64, copy=True) if np.isfinite(table).all() else None
    if whole is None or (whole != table).any() or (whole < 0).any():
        raise DataError("counts: expected whole numbers from 0, how many raters chose a category")
    return whole[whole.sum(axis=1) >= 2]
