"""The arrays that a report was computed from, as one `.npz` file without pickles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.files import write_npz
from kavc.inputs.arrays import read_npz

KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
KINDS = "biufSU"
MAX_BYTES = 2 * 2**30


def check_predictions(arrays: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """Returns `arrays` as NumPy arrays that a file can hold.

    Raises:
        DataError: a name is no plain word, or an array holds neither numbers nor text.

    Example:
        >>> check_predictions({"labels": [0, 1]})["labels"].shape
        (2,)
        >>> check_predictions({"labels": [None]})
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: predictions['labels'] have dtype object, expected ...
    """
    checked = {}
    for name, array in arrays.items():
        array = np.asarray(array)
        if not KEY.fullmatch(name) or name in ("file", "allow_pickle"):
            raise DataError(f"predictions have an array {name!r}, expected a plain word as name")
        if array.dtype.kind not in KINDS:
            raise DataError(
                f"predictions[{name!r}] have dtype {array.dtype}, expected numbers or text"
            )
        checked[name] = array
    return checked


def write_predictions(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays to a compressed `.npz` file, whole."""
    write_npz(path, check_predictions(arrays), compressed=True)


def read_predictions(path: str | Path) -> dict[str, np.ndarray]:
    """Reads what `write_predictions` wrote.

    Raises:
        DataError: the file is missing, damaged, holds objects, or unpacks to over 2 GiB.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_predictions(f"{folder}/predictions.npz", {"labels": np.array([0, 1])})
        ...     read_predictions(f"{folder}/predictions.npz")["labels"].tolist()
        [0, 1]
    """
    try:
        found = read_npz(path, most=MAX_BYTES)
    except DataError as error:
        raise DataError(f"{error}; evaluate the run again") from None
    try:
        return check_predictions(found)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
