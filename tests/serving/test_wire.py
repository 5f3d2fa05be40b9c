"""Arrays there and back, for every dtype that travels."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import DataError
from kavc.serving.protos import TensorProto
from kavc.serving.wire import FIELDS, to_array, to_proto


@pytest.mark.parametrize("dtype", sorted(FIELDS, key=lambda dtype: dtype.name))
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 4)])
def test_round_trip(dtype, shape):
    if dtype == tf.string:
        array = np.full(shape, b"\xff\0a", object)
    else:
        array = np.ones(shape, dtype.as_numpy_dtype)
    proto = TensorProto.FromString(to_proto(array).SerializeToString())
    found = to_array(proto, "x")
    assert found.dtype == array.dtype and found.shape == shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("dtype", [tf.complex64, tf.qint8, tf.variant])
def test_dtypes_that_do_not_travel(dtype):
    with pytest.raises(DataError, match="isn't one of bfloat16, bool"):
        to_array(TensorProto(dtype=dtype.as_datatype_enum), "x")
