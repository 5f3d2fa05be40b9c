"""What attributes may be: declared, of their kind, bound by nobody else, and bounded."""

from __future__ import annotations

import pytest
import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue

from kavc.serving.inspection.attributes import MAX_TEXT, attribute_fault
from kavc.serving.inspection.definitions import definition


def fault(op, name, value, **options):
    return attribute_fault(name, value, definition(op).attributes.get(name), **options)


def text(value):
    return AttrValue(s=value)


def numbers(*values):
    return AttrValue(list={"i": values})


BY_KIND = {
    "string": ("Einsum", "equation", text(b"ij,jk->ik")),
    "int": ("Pack", "axis", AttrValue(i=-1)),
    "float": ("LeakyRelu", "alpha", AttrValue(f=0.2)),
    "bool": ("MatMul", "transpose_a", AttrValue(b=True)),
    "type": ("MatMul", "T", AttrValue(type=tf.float32.as_datatype_enum)),
    "shape": ("Placeholder", "shape", AttrValue(shape={"dim": [{"size": -1}]})),
    "tensor": ("Const", "value", AttrValue(tensor=tf.make_tensor_proto([1, 2]))),
    "func": ("PartitionedCall", "f", AttrValue(func={"name": "f"})),
    "list(string)": ("RaggedTensorToTensor", "row_partition_types", AttrValue(list={"s": [b"x"]})),
    "list(int)": ("Conv2D", "strides", numbers(1, 2, 2, 1)),
    "list(float)": ("Bucketize", "boundaries", AttrValue(list={"f": [0.5]})),
    "list(type)": ("PartitionedCall", "Tin", AttrValue(list={"type": [1, 9]})),
    "list(shape)": ("While", "output_shapes", AttrValue(list={"shape": [{}]})),
    "list(func)": ("Case", "branches", AttrValue(list={"func": [{"name": "f"}]})),
}


@pytest.mark.parametrize("kind", BY_KIND)
def test_each_kind(kind):
    op, name, value = BY_KIND[kind]
    assert definition(op).attributes[name].kind == kind
    assert fault(op, name, value) is None


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("kind", BY_KIND)
def test_a_placeholder_is_refused_in_each(kind, trusted):
    op, name, _ = BY_KIND[kind]
    said = fault(op, name, AttrValue(placeholder="what"), trusted=trusted)
    assert said == f"is a placeholder; expected {kind}"


@pytest.mark.parametrize("kind", BY_KIND)
def test_another_kind_is_refused_in_each(kind):
    op, name, _ = BY_KIND[kind]
    for other, (_, _, value) in BY_KIND.items():
        empty = kind.startswith("list") and not value.list.ListFields() and other == kind
        if other != kind and not empty:
            assert fault(op, name, value), other


def test_a_list_of_two_kinds():
    mixed = AttrValue(list={"i": [1], "tensor": [tf.make_tensor_proto(1)]})
    assert fault("Conv2D", "strides", mixed) == "is a list of other values than int"


def test_an_attribute_that_is_not_declared():
    said = fault("MatMul", "descriptor_source", text(b"/etc/passwd"))
    assert said == "is none that a served graph holds"


@pytest.mark.parametrize(
    "name", ["_tpu_replicate", "_kernel", "_scoped_allocator", "_swap_to_host", "api_implements"]
)
def test_an_attribute_that_tensorflow_keeps_for_itself(name):
    assert attribute_fault(name, text(b"x"), None) == "is none that a served graph holds"


def test_notes_of_real_exports():
    assert attribute_fault("_class", AttrValue(list={"s": [b"loc:@x"]}), None) is None
    assert attribute_fault("_noinline", AttrValue(b=True), None) is None
    assert attribute_fault("_noinline", AttrValue(i=1), None) == "is of the kind int; expected bool"
    assert attribute_fault("_input_shapes", AttrValue(), None) is None
    assert attribute_fault("_read_only_resource_inputs", numbers(*range(90)), None) is None
    said = attribute_fault("_collective_manager_ids", numbers(1), None)
    assert said == "has values; expected none"


@pytest.mark.parametrize(
    ("op", "name", "value", "says"),
    [
        ("DecodeWav", "desired_samples", AttrValue(i=2**31), "is 2147483648; at most 16777216"),
        ("DecodeWav", "desired_channels", AttrValue(i=1000), "is 1000; at most 8"),
        ("AudioSpectrogram", "window_size", AttrValue(i=2**31), "at most 65536"),
        ("AsString", "width", AttrValue(i=10**6), "is 1000000; at most 256"),
        ("AsString", "precision", AttrValue(i=10**6), "is 1000000; at most 256"),
        ("While", "parallel_iterations", AttrValue(i=2**31 - 1), "at most 65536"),
        ("While", "parallel_iterations", AttrValue(i=-(2**31)), "is -2147483648; at most 65536"),
        ("CTCBeamSearchDecoder", "beam_width", AttrValue(i=2**31), "at most 65536"),
        (
            "ExtractImagePatches",
            "ksizes",
            numbers(1, 60000, 60000, 1),
            "multiply to more than 16777216",
        ),
        (
            "Conv2D",
            "explicit_paddings",
            numbers(0, 0, 9999, 9999, 0, 0, 0, 0),
            "multiply to more than",
        ),
        ("Conv2D", "dilations", numbers(*[1] * 10**6), "lists 1,000,000 numbers; at most 256"),
        ("Conv2D", "padding", text(b"OTHER"), "is b'OTHER', which its op does not know"),
        ("CheckNumerics", "message", text(b"x" * (MAX_TEXT + 1)), "has 4,097 bytes"),
        ("VarHandleOp", "allowed_devices", AttrValue(list={"s": [b"/gpu:0"]}), "expected none"),
        ("PartitionedCall", "executor_type", text(b"other"), "is b'other'; expected none"),
        ("PartitionedCall", "config", text(b"x"), "is b'x'; expected none"),
        ("PartitionedCall", "config_proto", text(b"\xff"), "is no ConfigProto"),
        ("Cast", "DstT", AttrValue(type=101), "is the dtype 101, which is no value's"),
        ("Cast", "DstT", AttrValue(type=9999), "is the dtype 9999, which is no value's"),
    ],
)
def test_out_of_bounds(op, name, value, says):
    assert says in fault(op, name, value)


@pytest.mark.parametrize(
    ("op", "name", "value"),
    [
        ("RandomUniform", "seed", AttrValue(i=2**62)),
        ("StringToHashBucketFast", "num_buckets", AttrValue(i=2**40)),
        ("StringToHashBucketStrong", "key", numbers(2**62, 2**61)),
        ("TensorListStack", "num_elements", AttrValue(i=10**7)),
        ("MaxPool", "ksize", numbers(1, 224, 224, 1)),
        ("Conv2D", "explicit_paddings", numbers(0, 0, 3, 3, 3, 3, 0, 0)),
        ("PartitionedCall", "executor_type", text(b"")),
    ],
)
def test_within_bounds(op, name, value):
    assert fault(op, name, value) is None


def test_a_function_gets_no_attributes():
    nested = AttrValue(func={"name": "f", "attr": {"T": AttrValue(type=1)}})
    assert fault("PartitionedCall", "f", nested) == "hands attributes to the function 'f'"
    several = AttrValue(list={"func": [{"name": "f"}, nested.func]})
    assert fault("Case", "branches", several) == "hands attributes to the function 'f'"


def test_an_op_of_the_operators_may_say_what_it_likes():
    assert "is a free text" in fault("RecordInput", "file_pattern", text(b"/x"))
    assert fault("RecordInput", "file_pattern", text(b"/x"), trusted=True) is None
    assert fault("RecordInput", "file_buffer_size", AttrValue(i=10**9), trusted=True) is None
    assert "expected int" in fault("RecordInput", "batch_size", text(b"x"), trusted=True)
