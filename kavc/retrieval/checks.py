"""What may go into an index: vectors with a direction; ids and labels that a line can hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.serving.arrays import NO_FLOATS, is_no_float

ROWS = 8192  # normalised at a time, in float64
UNIT_TOLERANCE = 1e-4  # float32 rows of 65,536 stay within 1e-5
MAX_ID_BYTES = 256
MAX_LABELS = 256  # of an item; the most of a video of YouTube-8M are 31
SEVERAL = "a list, tuple or array"
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def unit_rows(name: str, values: ArrayLike, dim: int) -> np.ndarray:
    """Returns vectors of norm 1 in the directions of the given ones.

    Args:
        name: what the vectors are, for the message.
        values: `(n, dim)` floats, n at least 1; lists may hold small whole numbers, too.
        dim: their width.

    Returns:
        `(n, dim) float32`, in C order.

    Raises:
        DataError: another shape, no row, whole numbers as quantised vectors have them, or a row
            that is zero or not finite; names the first.

    Example:
        >>> unit_rows("queries", [[3, 4]], 2).tolist()
        [[0.600000..., 0.800000...]]
    """
    given, values = values, np.asarray(values)
    if values.ndim != 2 or values.shape[1] != dim or values.dtype.kind not in "biuf":
        raise DataError(
            f"{name}: expected numbers (n, {dim}), the width of the index; got {values.dtype} "
            f"{values.shape}"
        )
    if is_no_float(given):
        raise DataError(f"{name}: got {values.dtype} {values.shape}; expected {NO_FLOATS}")
    if not len(values):
        raise DataError(f"{name}: there is none; expected at least one row")
    units = np.empty(values.shape, np.float32)
    for start in range(0, len(values), ROWS):
        rows = values[start : start + ROWS].astype(np.float64)
        units[start : start + ROWS] = rows / _norms(name, rows, start)[:, None]
    return units


def are_units(vectors: np.ndarray) -> bool:
    """Returns whether all rows are finite and of norm 1, to float32 precision.

    Args:
        vectors: `(n, dim) float32`; may lie on disk: read in parts.

    Example:
        >>> vectors = np.array([[0.6, 0.8]], np.float32)
        >>> are_units(vectors), are_units(5 * vectors)
        (True, False)
    """
    parts = (vectors[start : start + ROWS] for start in range(0, len(vectors), ROWS))
    squares = (np.einsum("nd,nd->n", part, part) for part in parts)
    return all(np.all(np.abs(each - 1) < 2 * UNIT_TOLERANCE) for each in squares)  # NaN: False


def check_ids(ids: Iterable[str]) -> list[str]:
    """Returns ids as a list, each once and fit for a line of a file.

    Args:
        ids: text, each of 1 to 256 bytes in UTF-8, without control characters.

    Raises:
        DataError: an id that is not so, or that is given twice; names the first.

    Example:
        >>> check_ids(["bark", "meow"])
        ['bark', 'meow']
        >>> check_ids(["bark", "bark"])
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: id 'bark' (number 1) is given twice
    """
    if isinstance(ids, str | bytes):
        raise DataError(f"ids: expected several texts, got one: {ids!r}")
    found = list(ids)
    seen: set[str] = set()
    for row, each in enumerate(found):
        fault = _fault(each) or ("is given twice" if each in seen else "")
        if fault:
            raise DataError(f"id {str(each)[:MAX_ID_BYTES]!r} (number {row}) {fault}")
        seen.add(each)
    return found


def check_labels(labels: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    """Returns the labels of items, each fit for a line of a file.

    Args:
        labels: of each item the names of its labels, in a list, tuple or array: at most 256, each
            as an id must be. An item without any has an empty one.

    Raises:
        DataError: an item's labels are one text, a set or no such thing, too many, or one is unfit;
            names the first.

    Example:
        >>> check_labels([["dog", "street"], []])
        [('dog', 'street'), ()]
        >>> check_labels(["dog"])
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: labels of item 0: expected up to 256 texts, got one: 'dog'
    """
    if isinstance(labels, Set | Mapping) or not isinstance(labels, Iterable):
        raise DataError(f"labels: expected {SEVERAL} for each item; got {type(labels).__name__}")
    found, known = [], set[str]()
    for row, names in enumerate(labels):
        if fault := _no_names(names):
            raise DataError(f"labels of item {row}: expected up to {MAX_LABELS} texts{fault}")
        for each in names:
            if isinstance(each, str) and each in known:
                continue
            if fault := _fault(each):
                raise DataError(f"label {str(each)[:MAX_ID_BYTES]!r} of item {row} {fault}")
            known.add(each)
        found.append(tuple(names))
    return found


def line_text(text: str) -> str:
    r"""Returns a name as a label can be: without control characters, of 256 bytes at most.

    >>> line_text("dog\tand cat")
    'dog and cat'
    """
    plain = CONTROL.sub(" ", text).encode(errors="replace")[:MAX_ID_BYTES]
    return plain.decode(errors="ignore").strip()


def _norms(name: str, rows: np.ndarray, start: int) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=1)
    bad = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if bad.size:
        what = "is all zero, without a direction" if norms[bad[0]] == 0 else "is not finite"
        raise DataError(f"{name}: row {start + bad[0]} {what}")
    return norms


def _no_names(given: object) -> str:
    """Returns how a message goes on if this can't be an item's labels, or nothing."""
    if isinstance(given, str | bytes):
        return f", got one: {given!r}"
    if isinstance(given, np.ndarray) and given.ndim == 1:
        given = given.tolist()
    if not isinstance(given, Sequence):  # a set has no order to keep
        return f" in {SEVERAL}, got {type(given).__name__}"
    return f", got {len(given)} of them" if len(given) > MAX_LABELS else ""


def _fault(given: object) -> str:
    """Returns what is wrong with an id, or nothing."""
    if not isinstance(given, str):
        return f"is {type(given).__name__}; expected text"
    if not given or CONTROL.search(given):
        return "is empty or holds control characters"
    try:
        size = len(given.encode())
    except UnicodeEncodeError:
        return "can't be written as UTF-8"
    return f"takes {size} bytes; at most {MAX_ID_BYTES}" if size > MAX_ID_BYTES else ""
