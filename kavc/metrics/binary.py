"""Labels and scores of a two-class problem: the one check that every evaluation of them makes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError


def check_binary(
    labels: ArrayLike, scores: ArrayLike, name: str = "scores"
) -> tuple[np.ndarray, np.ndarray]:
    """Checks labels and scores of a two-class problem.

    Args:
        labels: `(n,)`, each 0 or 1 (any dtype) or bool.
        scores: `(n,)` real numbers; the higher, the likelier is 1. Infinite ones are allowed.
        name: what messages call `scores`.

    Returns:
        Labels `(n,) bool` and scores `(n,) float64`.

    Raises:
        DataError: the shapes differ or aren't `(n,)`, a label is neither 0 nor 1, or a score is
            NaN or no real number. The message gives the first such index.

    Example:
        >>> check_binary([0, 1], [-1, 2])
        (array([False,  True]), array([-1.,  2.]))
        >>> check_binary([0, 2], [0.1, 0.9])
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: labels[1] is 2, expected 0 or 1
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    for what, array in (("labels", labels), (name, scores)):
        if array.dtype.kind not in "buif":
            raise DataError(f"{what} have dtype {array.dtype}, expected real numbers")
        if array.ndim != 1:
            raise DataError(f"{what} have shape {array.shape}, expected (n,); reshape them")
    if labels.shape != scores.shape:
        raise DataError(f"{labels.size} labels but {scores.size} {name}; expected one a label")
    _refuse_first((labels != 0) & (labels != 1), labels, "labels", "0 or 1")
    _refuse_first(np.isnan(scores), scores, name, "a number; did training diverge?")
    return labels.astype(bool), scores.astype(np.float64)


def _refuse_first(wrong: np.ndarray, values: np.ndarray, name: str, expected: str) -> None:
    if wrong.any():
        first = int(wrong.argmax())
        raise DataError(f"{name}[{first}] is {values[first]}, expected {expected}")
