"""Vectors with a direction, ids that fit a line."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.retrieval.checks import ROWS, are_units, check_ids, check_labels, unit_rows


@pytest.mark.parametrize("scale", [1e-40, 1e-20, 1.0, 1e30])
def test_only_the_direction_counts(scale):
    rows = np.random.default_rng(0).normal(size=(ROWS + 3, 5))
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = unit_rows("vectors", rows * scale, 5)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert are_units(found)


def test_whole_numbers_are_numbers():
    assert unit_rows("vectors", [[0, 2]], 2).tolist() == [[0, 1]]


@pytest.mark.parametrize("fault", [np.nan, np.inf, -np.inf])
def test_the_first_bad_row_is_named(fault):
    rows = np.ones((ROWS + 10, 3), np.float32)
    rows[ROWS + 4, 1] = rows[ROWS + 7, 0] = fault
    with pytest.raises(DataError, match=f"^queries: row {ROWS + 4} is not finite$"):
        unit_rows("queries", rows, 3)
    assert not are_units(rows)


def test_a_zero_vector_has_no_direction():
    with pytest.raises(DataError, match=r"^vectors: row 1 is all zero, without a direction$"):
        unit_rows("vectors", [[1.0, 0.0], [0.0, -0.0]], 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((2, 4)), r"expected numbers \(n, 3\), the width of the index; got float64 \(2, 4"),
        (np.ones(3), r"got float64 \(3,\)"),
        (np.ones((2, 3), bool), "got bool"),
        ([["a", "b", "c"]], "got <U1"),
        (np.ones((2, 3), "uint8"), r"got uint8 \(2, 3\); expected floats; dequantise"),
        ([[0, 128, 255]], r"got int64 \(1, 3\); expected floats; dequantise"),
        (np.ones((0, 3)), "there is none; expected at least one row"),
    ],
)
def test_other_shapes_and_types(values, message):
    with pytest.raises(DataError, match=f"^vectors: .*{message}"):
        unit_rows("vectors", values, 3)


@pytest.mark.parametrize("factor", [0.99, 1.01, 0.0, np.nan])
def test_rows_of_another_norm_are_seen_wherever_they_are(factor):
    rows = np.eye(3, dtype=np.float32)[np.arange(ROWS + 5) % 3]
    assert are_units(rows)
    rows[-1] *= np.float32(factor)
    assert not are_units(rows)


def test_ids_of_all_writings_pass():
    ids = ["a", "Straße 7", "映像　音", "x" * 256, " ", "\u2028", "[/b]"]
    assert check_ids(ids) == check_ids(np.array(ids)) == check_ids(iter(ids)) == ids


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "b", "a"], "id 'a' (number 2) is given twice"),
        (["a", ""], "id '' (number 1) is empty or holds control characters"),
        (["a\nb"], "is empty or holds control characters"),
        (["a\0"], "is empty or holds control characters"),
        ([b"a"], "(number 0) is bytes; expected text"),
        ([1], "id '1' (number 0) is int; expected text"),
        (["é" * 129], "takes 258 bytes; at most 256"),
        (["\ud800"], "can't be written as UTF-8"),
        ("abc", "ids: expected several texts, got one: 'abc'"),
    ],
)
def test_unfit_ids(ids, message):
    with pytest.raises(DataError) as error:
        check_ids(ids)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_labels_come_in_lists_tuples_and_arrays():
    for names in (["dog", "dog"], ("dog", "dog"), np.array(["dog", "dog"])):
        assert check_labels(iter([names, []])) == [("dog", "dog"), ()]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (5, "labels: expected a list, tuple or array for each item; got int"),
        ({("dog",)}, "for each item; got set"),
        ([None], "labels of item 0: expected up to 256 texts in a list, tuple or array, got NoneT"),
        ([[], {"dog", "street"}], "labels of item 1: expected .*, got set"),
        ([iter("dog")], "got str_.*iterator"),
        ([[["dog"]]], r"label \"\['dog'\]\" of item 0 is list; expected text"),
        ([["dog", 1]], "label '1' of item 0 is int; expected text"),
    ],
)
def test_unfit_labels(labels, message):
    with pytest.raises(DataError, match=message):
        check_labels(labels)
