"""What a constant claims beyond what the file holds of it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

from kavc.serving.inspection.tensors import excess, tensor_fault


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "bfloat16", "complex64", "uint8"])
def test_a_whole_constant_claims_nothing(dtype):
    whole = tf.make_tensor_proto(np.ones((3, 5)).astype(tf.as_dtype(dtype).as_numpy_dtype))
    assert tensor_fault(whole) is None and excess(whole) == 0
    listed = tf.make_tensor_proto(np.ones((), tf.as_dtype(dtype).as_numpy_dtype))
    assert tensor_fault(listed) is None and excess(listed) == 0


def claiming(proto, *sizes):
    del proto.tensor_shape.dim[:]
    for size in sizes:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize(
    ("proto", "sizes", "claims"),
    [
        (tf.make_tensor_proto(1.0), (10**6, 10**6), 4 * 10**12 - 4),
        (tf.make_tensor_proto([1.0, 2.0]), (1000,), 4000 - 8),
        (TensorProto(dtype=9), (1000,), 8000),
        (tf.make_tensor_proto(1.0), (0, 10**12), 0),
        (tf.make_tensor_proto("x" * 100), (1000,), 24 * 1000 + 999 * 100),
        (TensorProto(dtype=7), (10,), 240),
    ],
)
def test_a_constant_that_repeats_a_value(proto, sizes, claims):
    assert excess(claiming(proto, *sizes)) == claims


@pytest.mark.parametrize("dtype", [0, 20, 21, 101, 9999])
def test_no_handles_variants_and_references(dtype):
    assert f"the dtype {dtype}, which is no plain" in tensor_fault(TensorProto(dtype=dtype))


def test_a_shape_that_is_none():
    says = "holds a constant without a valid shape"
    assert tensor_fault(claiming(TensorProto(dtype=1), -1)) == says
    assert tensor_fault(TensorProto(dtype=1, tensor_shape={"unknown_rank": True})) == says
    assert tensor_fault(claiming(TensorProto(dtype=1), *[1] * 255)) == says
    says = "holds a constant of more elements than TensorFlow counts"
    assert tensor_fault(claiming(TensorProto(dtype=1), *[2**62] * 254)) == says
