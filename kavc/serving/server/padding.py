"""Arrays of different lengths as one, and how many bytes that adds, known before they are joined.

One long row makes as long a row of each that it is joined with: 4 MiB and 1 kB became 1 GiB. So a
batch takes only what adds at most `MOST_ADDED` to it. Arrays of one length add nothing, however
large they are, and clips of some seconds beside others of a minute stay far below it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

MOST_ADDED = 64 * 2**20  # bytes, a quarter of the largest message


class Extent(NamedTuple):
    """What is known of arrays of one rank that are to be joined.

    Args:
        longest: the shape of a row that holds each of theirs.
        rows: bytes that pad one cell, for every row.
        cells: the same, for every cell that has a value.

    Example:
        >>> short, long = Extent.of(np.ones((1, 2))), Extent.of(np.ones((1, 5)))
        >>> both = short.beside(long)
        >>> both.longest, both.added  # three cells of eight bytes
        ((5,), 24)
    """

    longest: tuple[int, ...]
    rows: int
    cells: int

    @classmethod
    def of(cls, array: np.ndarray) -> Extent:
        """Returns the extent of one array, at least one axis."""
        padding = _first(array)
        cell = array.itemsize + (len(padding) if array.dtype == object else 0)
        return cls(array.shape[1:], len(array) * cell, array.size * cell)

    def beside(self, other: Extent) -> Extent:
        """Returns the extent of these arrays and others."""
        longest = tuple(map(max, self.longest, other.longest))
        return Extent(longest, self.rows + other.rows, self.cells + other.cells)

    @property
    def added(self) -> int:
        """Bytes that `join` adds."""
        return math.prod(self.longest) * self.rows - self.cells


def join(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Joins arrays of one rank along the first axis, each padded with its first value.

    Args:
        arrays: not empty; where they differ in a later axis, the longest decides. An array without
            values is padded with zeros or empty texts.

    Reference:
        TensorFlow Serving, `pad_variable_length_inputs` in
        `servables/tensorflow/session_bundle_config.proto`.

    Example:
        >>> join([np.ones((1, 2)), np.full((1, 3), 2.0)]).tolist()
        [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    """
    longest = np.max([array.shape[1:] for array in arrays], axis=0)
    return np.concatenate([_padded(array, longest) for array in arrays])


def fill_up(inputs: Mapping[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    """Repeats the first row until there are `size`, unless that adds more than `MOST_ADDED`.

    Args:
        inputs: of the same number of rows, at least one, at most `size`.
        size: rows of the result.

    Example:
        >>> fill_up({"audio": np.array([[1], [2]])}, 4)["audio"].tolist()
        [[1], [2], [1], [1]]
    """
    missing = size - len(next(iter(inputs.values())))
    if missing * sum(_bytes(array[:1]) for array in inputs.values()) > MOST_ADDED:
        return dict(inputs)
    return {
        name: np.concatenate([array, np.repeat(array[:1], missing, axis=0)]) if missing else array
        for name, array in inputs.items()
    }


def _padded(array: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    short = sizes - array.shape[1:]
    if not short.any():
        return array
    widths = [(0, 0), *((0, missing) for missing in short)]
    return np.pad(array, widths, constant_values=_first(array))


def _first(array: np.ndarray) -> Any:
    if array.size:
        return array.flat[0]
    return b"" if array.dtype == object else np.zeros((), array.dtype)


def _bytes(array: np.ndarray) -> int:
    return array.nbytes + (sum(map(len, array.flat)) if array.dtype == object else 0)
