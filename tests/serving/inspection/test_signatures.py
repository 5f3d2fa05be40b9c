"""Signatures: of tensors that are there, and one at least that can be asked."""

from __future__ import annotations

import pytest
import tensorflow as tf


def serving(meta_graph):
    return meta_graph.signature_def["serving_default"]


@pytest.mark.parametrize(
    ("side", "field", "value", "says"),
    [
        ("outputs", "dtype", 9999, "output 'y' claims the dtype 9999; its tensor is float32 (1)"),
        ("outputs", "dtype", 7, "claims the dtype 7; its tensor is float32"),
        ("outputs", "name", "nowhere:0", "output 'y': the graph is damaged: it has no node"),
        ("outputs", "name", "serving_default_x:1", "is 'serving_default_x:1', which node"),
        ("outputs", "name", "serving_default_x", "is 'serving_default_x', which node"),
        ("outputs", "name", "serving_default_x:\u0663", "which node serving_default_x lacks"),
        ("inputs", "name", "StatefulPartitionedCall:0", "which is no input of its own"),
        ("inputs", "name", "saver_filename:0", "claims the dtype 1; its tensor is string"),
        ("inputs", "dtype", 3, "input 'x' claims the dtype 3"),
    ],
)
def test_a_tensor_that_is_none(scale, refusal, side, field, value, says):
    def edit(meta_graph):
        (info,) = getattr(serving(meta_graph), side).values()
        setattr(info, field, value)

    line = refusal(scale, edit)
    assert line.startswith("signature 'serving_default', ") and says in line


def test_what_a_server_feeds_is_no_callers(scale, refusal):
    def edit(meta_graph):
        (info,) = serving(meta_graph).inputs.values()
        info.name, info.dtype = "saver_filename:0", tf.string.as_datatype_enum

    assert "is 'saver_filename:0', which is no input of its own" in refusal(scale, edit)


def test_two_inputs_of_one_tensor(scale, refusal):
    def edit(meta_graph):
        inputs = serving(meta_graph).inputs
        inputs["again"].CopyFrom(inputs["x"])

    assert "which is no input of its own" in refusal(scale, edit)


def test_a_sparse_tensor(scale, refusal):
    def edit(meta_graph):
        (info,) = serving(meta_graph).outputs.values()
        info.coo_sparse.values_tensor_name = "x:0"

    assert "output 'y' is no plain tensor" in refusal(scale, edit)


def test_the_initialiser_is_not_asked(scale, refusal):
    def edit(meta_graph):
        meta_graph.signature_def["__saved_model_init_op"].method_name = "tensorflow/serving/predict"

    assert "'__saved_model_init_op' initialises the graph; it can't be asked too" in refusal(
        scale, edit
    )


NONE = "no signature that can be asked"


def test_no_signature_at_all(scale, refusal):
    assert NONE in refusal(scale, lambda found: found.signature_def.pop("serving_default"))


def test_a_signature_without_outputs(scale, refusal):
    assert NONE in refusal(scale, lambda found: serving(found).outputs.clear())


def test_a_dtype_that_does_not_travel(graphs, refusal, tmp_path):
    folder = graphs.save_function(
        tmp_path / "1", lambda x: {"y": tf.complex(x, x)}, tf.TensorSpec([], tf.float32, "x")
    )
    assert NONE in refusal(folder)
