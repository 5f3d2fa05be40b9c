"""What a corpus of known truth says of its examples: columns of a file, a row an example."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kavc.errors import DataError
from kavc.inputs.arrays import read_npz


def read_columns(
    path: Path, wanted: Mapping[str, tuple[str, int]], *, most: int
) -> dict[str, np.ndarray]:
    """Reads the columns of a truth.

    Args:
        path: of the file.
        wanted: name to the kind of its dtype and its axes; one is "ids".
        most: bytes that it may take.

    Raises:
        DataError: the file is missing or damaged, or a column is not so.
    """
    try:
        found = read_npz(path, most=most)
    except DataError as error:
        raise DataError(f"{error}; generate the corpus again") from None
    for name, (kind, axes) in wanted.items():
        column = found.get(name)
        if column is None or column.dtype.kind != kind or column.ndim != axes:
            raise DataError(
                f"{path}: {name!r} is missing or of another kind; generate the corpus again"
            )
        if len(column) != len(found["ids"]):
            raise DataError(
                f"{path}: {name!r} has {len(column)} rows, and there are {len(found['ids'])} ids; "
                "generate the corpus again"
            )
    return {name: found[name] for name in wanted}


def rows_of(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns the rows of some ids, in their order: (n,) int64.

    Args:
        ids: (examples,) bytes, of the truth.
        wanted: (n,) bytes, for example a store's.

    Raises:
        DataError: one is unknown.

    Example:
        >>> rows_of(np.array([b"a", b"b", b"c"]), np.array([b"c", b"a"])).tolist()
        [2, 0]
    """
    row = {bytes(name): i for i, name in enumerate(ids)}
    try:
        return np.array([row[bytes(name)] for name in wanted], np.int64)
    except KeyError as error:
        raise DataError(f"id {error} has no truth; is it of another corpus?") from None
