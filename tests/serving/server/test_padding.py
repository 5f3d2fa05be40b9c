"""What joining arrays adds is known before, and is what it then is."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.serving.server.padding import MOST_ADDED, Extent, fill_up, join


def numbers(*shape):
    return np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)


def texts(*shape, first=b"first"):
    array = np.full(shape, b"", object)
    if array.size:
        array.flat[0] = first
    return array


def size(array):
    """Bytes of an array with those of its texts."""
    return array.nbytes + (sum(map(len, array.flat)) if array.dtype == object else 0)


@pytest.mark.parametrize(
    "arrays",
    [
        [numbers(2, 3)],
        [numbers(2, 3), numbers(1, 5)],
        [numbers(2, 3, 1), numbers(4, 1, 7), numbers(1, 2, 2)],
        [numbers(3), numbers(2)],
        [numbers(2, 0), numbers(1, 4)],
        [texts(3, 2), texts(1, 5, first=b"other")],
        [texts(3, 0), texts(1, 5)],
    ],
    ids=["one", "two", "three of two axes", "no axes", "no values", "texts", "no texts"],
)
def test_what_is_added_is_known_before(arrays):
    extent = Extent.of(arrays[0])
    for array in arrays[1:]:
        extent = extent.beside(Extent.of(array))
    joined = join(arrays)
    assert extent.added == size(joined) - sum(map(size, arrays))
    assert extent.longest == joined.shape[1:]


def test_shorter_ones_are_padded_with_their_first_value():
    np.testing.assert_array_equal(join([numbers(1, 1), numbers(1, 3)]), [[1, 1, 1], [1, 2, 3]])
    expected = np.array([[b"", b""], [b"a", b"a"]], object)
    np.testing.assert_array_equal(join([texts(1, 0), np.full((1, 2), b"a", object)]), expected)


def test_filled_up_with_the_first_row():
    filled = fill_up({"x": numbers(2, 3), "text": texts(2)}, 4)
    np.testing.assert_array_equal(filled["x"][2:], [[1, 2, 3]] * 2)
    assert filled["text"].tolist() == [b"first", b"", b"first", b"first"]


@pytest.mark.parametrize("row", [numbers(1, 2**18), texts(1, 2, first=bytes(2**20))])
def test_not_filled_up_with_too_many_bytes(row):
    most = MOST_ADDED // size(row)
    assert len(fill_up({"x": row}, 1 + most)["x"]) == 1 + most
    assert len(fill_up({"x": row}, 2 + most)["x"]) == 1
