"""The table of dtypes is TensorFlow's own."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from kavc.serving.dtypes import ENUM, FIELDS, KINDS, name_of, numpy_of

PUBLISHED = dict(types_pb2.DataType.items())


def test_numbers_are_the_published_ones():
    assert PUBLISHED | ENUM == PUBLISHED


@pytest.mark.parametrize("number", [n for n in PUBLISHED.values() if n])
def test_names_are_those_of_tensorflow(number):
    known = number in ENUM.values() or number - 100 in ENUM.values()
    expected = tf.dtypes.as_dtype(number).base_dtype.name if known else None
    assert name_of(number) == expected


@pytest.mark.parametrize("number", [-1, 0, 31, 100, 131, 201, 10**9])
def test_what_is_no_dtype_has_no_name(number):
    assert name_of(number) is None


@pytest.mark.parametrize("name", FIELDS)
def test_arrays_of_a_dtype_are_those_of_tensorflow(name):
    dtype = tf.dtypes.as_dtype(name)
    assert numpy_of(name) == np.dtype(dtype.as_numpy_dtype)
    assert KINDS[dtype.as_datatype_enum].numpy == numpy_of(name)


@pytest.mark.parametrize("name", ["complex64", "variant", "qint8", "no dtype"])
def test_what_does_not_travel_is_no_array(name):
    assert numpy_of(name) is None
