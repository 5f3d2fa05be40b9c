"""Arrays there and back, for every dtype that travels."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import DataError
from kavc.serving import messages, protos
from kavc.serving.dtypes import FIELDS
from kavc.serving.protos import TensorProto
from kavc.serving.wire import describe, fill, to_array, to_proto

DTYPES = pytest.mark.parametrize("dtype", [*map(tf.dtypes.as_dtype, sorted(FIELDS))])


@DTYPES
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


@DTYPES
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 4)])
def test_tensorflow_reads_what_is_sent_and_the_other_way_round(dtype, shape):
    array = np.full(shape, b"a\0b", object)
    if dtype != tf.string:
        array = np.ones(shape, dtype.as_numpy_dtype)
    np.testing.assert_array_equal(tf.make_ndarray(to_proto(array)), array)
    np.testing.assert_array_equal(to_array(tf.make_tensor_proto(array, dtype), "x"), array)
    listed = tf.make_tensor_proto(array.tolist(), dtype, shape)  # one by one, not as bytes
    np.testing.assert_array_equal(to_array(listed, "x"), array)


@DTYPES
@pytest.mark.parametrize("shape", [(), (2, 3), (0, 4)])
def test_a_clients_message_is_the_same_bytes(dtype, shape):
    array = np.full(shape, b"a\0b", object)
    if dtype != tf.string:
        array = np.ones(shape, dtype.as_numpy_dtype)
    own = messages.TensorProto()
    fill(own, array)
    sent = own.SerializeToString(deterministic=True)
    assert sent == to_proto(array).SerializeToString(deterministic=True)
    found = to_array(messages.TensorProto.FromString(to_proto(array).SerializeToString()), "x")
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype="float32").reshape(2, 3, 4).transpose(2, 0, 1),
        np.arange(24, dtype="int64")[::-3],
        np.arange(6, dtype=">i4"),
        np.array(["a", "ü"]),
    ],
    ids=["transposed", "strided", "big-endian", "text"],
)
def test_odd_arrays(array):
    found = to_array(to_proto(array), "x")
    expected = [word.encode() for word in array] if array.dtype.kind == "U" else array
    np.testing.assert_array_equal(found, expected)


def test_numbers_are_a_view():
    found = to_array(to_proto(np.ones((2, 3), "float32")), "x")
    assert not found.flags.owndata and not found.flags.writeable


FLOAT = 1


@pytest.mark.parametrize(
    ("dtype", "fields"),
    [
        (4, {"int_val": [300]}),
        (6, {"int_val": [-129]}),
        (17, {"int_val": [-1]}),
        (19, {"half_val": [2**16]}),
        (14, {"half_val": [-1]}),
    ],
)
@pytest.mark.parametrize("kind", [protos, messages])
def test_a_listed_value_that_its_dtype_has_not(kind, dtype, fields):
    proto = kind.TensorProto(dtype=dtype, tensor_shape={"dim": [{"size": 1}]}, **fields)
    with pytest.raises(
        DataError, match=r"'x' can't be read as (\w+): it lists a value that \1 can't"
    ):
        to_array(proto, "x")


@pytest.mark.parametrize(
    "array",
    [np.zeros(2, "complex64"), np.zeros(2, "M8[s]"), np.array([1, "a"], object)],
    ids=["complex", "dates", "mixed"],
)
def test_arrays_that_do_not_travel(array):
    with pytest.raises(DataError, match=r"no message holds|which is none"):
        fill(messages.TensorProto(), array)


@pytest.mark.parametrize(
    ("shape", "fields", "message"),
    [
        ((2, 3), {"tensor_content": b"1234"}, "carries 4 bytes for float32 (2, 3); expected 24"),
        ((2, 3), {"float_val": [1]}, "carries 1 values for float32 (2, 3); expected 6"),
        ((2, 3), {}, "carries 0 values for float32 (2, 3); expected 6"),
        ((0, 2**40), {}, "is empty and claims (0, 1099511627776); that is too large"),
        ((-1,), {}, "has no valid shape: (-1,)"),
        ((1,) * 17, {"float_val": [1]}, "has no valid shape"),
    ],
)
def test_messages_that_lie(shape, fields, message):
    proto = TensorProto(**{"dtype": FLOAT, **fields})
    for size in shape:
        proto.tensor_shape.dim.add().size = size
    for side in ("input", "output"):
        with pytest.raises(DataError, match=re.escape(message)) as caught:
            to_array(proto, "x", side=side)
        assert str(caught.value).startswith(f"{side} 'x' ")


def test_a_description_reads_no_value():
    proto = TensorProto(dtype=FLOAT, tensor_content=b"123")
    proto.tensor_shape.dim.add().size = 2**40
    assert describe(proto, "x") == ("float32", (2**40,))


def test_more_than_a_message_holds_is_refused():
    huge = np.broadcast_to(np.float32(0), (2**29,))
    with pytest.raises(DataError, match="2147483648 bytes do not fit one message"):
        to_proto(huge)
