"""AVE's splits: files of row numbers, in the order in which its authors read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kavc.data.ave import places
from kavc.errors import DataError, unknown
from kavc.inputs.hdf5_arrays import open_array
from kavc.inputs.opening import named

KEY = "order"
FILES: Mapping[str, Mapping[str, str]] = {
    kind: {split: f"{name}_order{ending}.h5" for split, name in
           (("train", "train"), ("validation", "val"), ("test", "test"))}
    for kind, ending in (("match", "_match"), ("plain", ""))
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Order:
    """One split.

    Args:
        file: that says which rows are in it.
        rows: (videos,) int64, each once.
    """

    file: Path
    rows: np.ndarray


def files_of(kind: str) -> Mapping[str, str]:
    """Returns split to the name of its file.

    Args:
        kind: "match" or "plain".

    Raises:
        DataError: no such kind.

    Reference:
        Tian et al., 2018: "match" is their cross-modal task, "plain" the supervised one.

    Example:
        >>> files_of("match")["test"], files_of("plain")["test"]
        ('test_order_match.h5', 'test_order.h5')
    """
    if kind not in FILES:
        raise DataError(unknown("order", kind, FILES))
    return FILES[kind]


def read_orders(path: Path, kind: str, videos: int) -> dict[str, Order]:
    """Reads which rows are in which split, of the splits that have a file.

    Args:
        path: the folder.
        kind: as of `files_of`.
        videos: rows of the annotations.

    Raises:
        DataError: as `files_of` and `kavc.inputs.hdf5_arrays.open_array`; or a file lies in two
            places, or holds something else than numbers of rows, each in one file, once.

    Reference:
        The files of Tian et al., 2018.
    """
    found = {split: places.find(path, name) for split, name in files_of(kind).items()}
    orders = {split: Order(file, _rows(file, videos)) for split, file in found.items() if file}
    owner = np.full(videos, -1)
    for number, order in enumerate(orders.values()):
        if len(both := order.rows[owner[order.rows] >= 0]):
            other = list(orders.values())[owner[both[0]]].file
            more = f" ({len(both)} rows are in both)" if len(both) > 1 else ""
            raise DataError(f"{named(order.file)}: row {both[0]} is also in {named(other)}{more}; a"
                            " row must be in one split: take the files of one release")  # fmt: skip
        owner[order.rows] = number
    return orders


def _rows(file: Path, videos: int) -> np.ndarray:
    """Reads the rows of a split: (rows,) int64."""
    with open_array(file, KEY, (None,)) as array:
        count = len(array)
        if not 0 < count <= videos:
            raise DataError(f"{named(file)}: it lists {count:,} rows; 1 to {videos:,} are expected,"
                            " as the annotations have them")  # fmt: skip
        given = array.rows(0, count)
    wrong = np.flatnonzero(~((given >= 0) & (given < videos) & (given == np.floor(given))))
    if len(wrong):
        raise DataError(f"{named(file)}: entry {wrong[0]} is {given[wrong[0]]}; the number of a row"
                        f" is expected, 0 to {videos - 1}")  # fmt: skip
    rows = given.astype(np.int64)
    values, first = np.unique(rows, return_index=True)
    if len(values) < count:
        again = np.setdiff1d(np.arange(count), first)[0]
        raise DataError(f"{named(file)}: entry {again} lists row {rows[again]} a second time; each"
                        " is expected once")  # fmt: skip
    return rows
