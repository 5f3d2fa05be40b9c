"""How far scores can be read as probabilities, and the threshold at which to decide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from kavc.errors import DataError
from kavc.metrics.binary import check_binary

TEMPERATURES = (0.01, 100.0)


@dataclass(frozen=True)
class ReliabilityBins:
    """Bins of a reliability diagram, by rising probability; empty ones are left out.

    Args:
        probability: `(bins,) float64`. Mean predicted probability.
        frequency: `(bins,) float64`. Share of positives.
        count: `(bins,) int64`.

    Example:
        >>> found = reliability_bins([0, 1, 1, 1], [0.1, 0.3, 0.8, 0.9], bins=2)
        >>> found.probability.round(2).tolist(), found.frequency.tolist(), found.count.tolist()
        ([0.2, 0.85], [0.5, 1.0], [2, 2])
    """

    probability: np.ndarray
    frequency: np.ndarray
    count: np.ndarray


def reliability_bins(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 10
) -> ReliabilityBins:
    """Sorts predictions into bins of equal mass.

    Equal probabilities always share a bin (that of the first of them), so that the answer does not
    depend on the order of examples; bins are then of unequal mass, and there may be fewer.

    Args:
        labels: `(n,)`, 0 or 1.
        probabilities: `(n,)` in [0, 1]: the sigmoid of logits.
        bins: most bins to make.

    Raises:
        DataError: see `check_binary`; or a probability is outside [0, 1], or there is none.

    Reference:
        DeGroot and Fienberg, "The Comparison and Evaluation of Forecasters", 1983.

    Example:
        >>> reliability_bins([0, 1, 1, 0], [0.5, 0.5, 0.5, 0.9], bins=4).count.tolist()
        [3, 1]
    """
    labels, probabilities = _check_probabilities(labels, probabilities)
    if bins < 1:
        raise DataError(f"bins is {bins}, expected 1 or more")
    order = np.argsort(probabilities, kind="stable")
    labels, probabilities = labels[order], probabilities[order]
    first_equal = np.searchsorted(probabilities, probabilities)
    bin_of = first_equal * bins // labels.size
    count = np.bincount(bin_of, minlength=bins)
    used = count > 0
    return ReliabilityBins(
        np.bincount(bin_of, probabilities, bins)[used] / count[used],
        np.bincount(bin_of, labels, bins)[used] / count[used],
        count[used],
    )


def expected_calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 10
) -> float:
    """Mean distance of predicted probability and observed frequency, over bins of equal mass.

    Args and Raises: as `reliability_bins`.

    Returns:
        float in [0, 1]; 0 is perfect. It does not fall to 0 for a perfect model of few examples.

    Reference:
        Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015.

    Example:
        >>> expected_calibration_error([0, 0, 1, 1], [0.25, 0.25, 0.75, 0.75], bins=2)
        0.25
    """
    found = reliability_bins(labels, probabilities, bins)
    gaps = np.abs(found.probability - found.frequency)
    return float(np.average(gaps, weights=found.count))


def brier_score(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance of probability and label; always answering 0.5 scores 0.25.

    Args and Raises: as `reliability_bins`.

    Reference:
        Brier, "Verification of forecasts expressed in terms of probability", 1950.

    Example:
        >>> brier_score([0, 1], [0.5, 0.5]), brier_score([0, 1], [0, 1])
        (0.25, 0.0)
    """
    labels, probabilities = _check_probabilities(labels, probabilities)
    return float(np.mean((probabilities - labels) ** 2))


def log_loss(labels: ArrayLike, logits: ArrayLike) -> float:
    """Mean binary cross-entropy in nats, from logits; always answering 0 scores log 2.

    Args:
        labels: `(n,)`, 0 or 1.
        logits: `(n,)`, before the sigmoid.

    Raises:
        DataError: see `check_binary`; or there is no example.

    Example:
        >>> round(log_loss([0, 1], [0.0, 0.0]), 4), log_loss([0, 1], [-50.0, 50.0]) < 1e-20
        (0.6931, True)
    """
    labels, logits = _check_some(labels, logits, "logits")
    return float(np.mean(np.logaddexp(0.0, np.where(labels, -logits, logits))))


def fit_temperature(labels: ArrayLike, logits: ArrayLike) -> float:
    """Temperature that makes `logits / temperature` most likely (Guo et al., 2017).

    Fit it on validation data. The search is bounded to [0.01, 100]: an end is the answer where a
    threshold separates the classes (0.01) or the logits tell nothing of them (100).

    Args and Raises: as `log_loss`; infinite logits are refused.

    Example:
        >>> logits = [-4.0, -4.0, -4.0, 4.0, 4.0, 4.0]  # too sure: one of three is wrong
        >>> round(fit_temperature([0, 0, 1, 1, 1, 0], logits), 3)
        5.771
    """
    labels, logits = _check_some(labels, logits, "logits")
    _check_finite(logits, "logits")
    found = minimize_scalar(
        lambda log_temperature: log_loss(labels, logits * np.exp(-log_temperature)),
        bounds=np.log(TEMPERATURES),
        method="bounded",
    )
    return float(np.exp(found.x))


@dataclass(frozen=True)
class Threshold:
    """A decision rule, "1 where score >= value", and what it reached on the data of its fit.

    Args:
        value: the threshold, on the scale of the scores.
        balanced_accuracy: mean of sensitivity and specificity: (1 + Youden's J) / 2.
        accuracy: share of right decisions.
        sensitivity, specificity: share of right decisions among positives, among negatives.

    Reference:
        Youden, 1950.

    Example:
        >>> found = fit_threshold([0, 0, 1, 1], [-2.0, 0.5, 0.0, 3.0])
        >>> found.value, found.balanced_accuracy, found.sensitivity, found.specificity
        (-1.0, 0.75, 1.0, 0.5)
    """

    value: float
    balanced_accuracy: float
    accuracy: float
    sensitivity: float
    specificity: float


def fit_threshold(labels: ArrayLike, scores: ArrayLike) -> Threshold:
    """Finds the threshold with the highest balanced accuracy: Youden's J. Use validation data.

    Candidates are the midpoints between neighbouring distinct scores, and the lowest score (which
    accepts everything). Of equally good ones the more accurate wins, then the lower. The value is
    representable in float32 where a float32 lies between the neighbours, since that is served.

    Args:
        labels: `(n,)`, 0 or 1.
        scores: `(n,)` finite; the higher, the likelier is 1.

    Raises:
        DataError: see `check_binary`; or a class is missing, or a score is infinite.

    Reference:
        Youden, "Index for rating diagnostic tests", 1950.

    Example:
        >>> fit_threshold([0, 0, 1, 1], [-2.0, -1.0, 1.0, 3.0]).value
        0.0
    """
    labels, scores = check_binary(labels, scores)
    if labels.all() or not labels.any():
        raise DataError(f"a threshold needs both classes; got {labels.sum()} of {labels.size} ones")
    _check_finite(scores, "scores")
    levels, level_of = np.unique(scores, return_inverse=True)
    positives_at = np.bincount(level_of[labels], minlength=levels.size)
    negatives_at = np.bincount(level_of[~labels], minlength=levels.size)
    positives, negatives = positives_at.sum(), negatives_at.sum()
    hits = positives - np.cumsum(positives_at) + positives_at
    rejections = np.cumsum(negatives_at) - negatives_at
    # Integers, so that equally good thresholds compare as equal.
    youden = hits * negatives + rejections * positives
    best = np.lexsort((-np.arange(levels.size), hits + rejections, youden))[-1]
    sensitivity, specificity = float(hits[best] / positives), float(rejections[best] / negatives)
    return Threshold(
        value=_thresholds(levels)[best],
        balanced_accuracy=(sensitivity + specificity) / 2,
        accuracy=float((hits[best] + rejections[best]) / labels.size),
        sensitivity=sensitivity,
        specificity=specificity,
    )


def _thresholds(levels: np.ndarray) -> list[float]:
    lower, upper = levels[:-1], levels[1:]
    with np.errstate(over="ignore"):
        middle = (lower / 2 + upper / 2).astype(np.float32).astype(np.float64)
    between = (middle > lower) & (middle <= upper)
    return [float(levels[0]), *np.where(between, middle, upper).tolist()]


def _check_probabilities(
    labels: ArrayLike, probabilities: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    labels, probabilities = _check_some(labels, probabilities, "probabilities")
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise DataError(
            f"probabilities span {probabilities.min():g} to {probabilities.max():g}, "
            "expected 0 to 1; of logits take the sigmoid first"
        )
    return labels, probabilities


def _check_finite(scores: np.ndarray, name: str) -> None:
    if not np.isfinite(scores).all():
        first = int(np.isinf(scores).argmax())
        raise DataError(f"{name}[{first}] is infinite, expected a finite number")


def _check_some(labels: ArrayLike, scores: ArrayLike, name: str) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = check_binary(labels, scores, name)
    if not labels.size:
        raise DataError("no example; expected 1 or more")
    return labels, scores
