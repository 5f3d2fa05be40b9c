"""Functions: their names, what calls them, and what they come to in place of their calls."""

from __future__ import annotations

import pytest
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef

from kavc.errors import ExportError
from kavc.serving.inspection import library
from kavc.serving.inspection.library import read_library

FLOAT = tf.float32


def fault(graph, **options) -> str:
    with pytest.raises(ExportError) as error:
        read_library(graph, **options)
    return str(error.value)


@pytest.fixture
def call(graphs):
    """Adds a function that is the sum of its calls of another, `times` over."""

    def call(graph, name, other=None, times=1):
        made = graphs.function(graph, name, FLOAT)
        inner = {"Tin": [], "Tout": [FLOAT]}
        for index in range(times):
            if other is None:
                node = graphs.add(made.node_def, f"n{index}", "Const", dtype=FLOAT)
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(1.0))
            else:
                graphs.add(
                    made.node_def, f"n{index}", "PartitionedCall", f=graphs.calls(other), **inner
                )
        made.ret["y"] = "n0:output:0"
        return made

    return call


@pytest.fixture
def graph(graphs, call):
    """A graph that calls "one", which is a constant."""
    graph = GraphDef()
    call(graph, "one")
    graphs.add(graph.node, "call", "PartitionedCall", f=graphs.calls("one"), Tin=[], Tout=[FLOAT])
    return graph


def test_callees_come_first(graph, call):
    call(graph, "three", "two")
    call(graph, "two", "one")
    read = read_library(graph)
    assert list(read.functions) == ["one", "two", "three"]
    assert [body.place for body in read.bodies()][-2:] == ["function three", "the graph"]


def test_two_functions_of_one_name(graph, call):
    call(graph, "one")
    assert fault(graph) == "two functions have the name one"


@pytest.mark.parametrize("name", ["MatMul", "SymbolicGradient", "ReadFile"])
def test_the_name_of_an_op(graph, call, name):
    call(graph, name)
    assert fault(graph) == f"a function has the name of an op, {name}"


def test_a_node_whose_op_is_a_function(graph, graphs):
    graphs.add(graph.node, "direct", "one")
    assert "the op one (direct in the graph) is not one of TensorFlow's own" in fault(graph)


def test_a_function_of_many_types(graph):
    graph.library.function[0].signature.attr.add(name="T", type="type")
    assert fault(graph).startswith("function one is of many types")
    del graph.library.function[0].signature.attr[:]
    graph.library.function[0].signature.output_arg[0].type_attr = "T"
    assert fault(graph).startswith("function one is of many types")


@pytest.mark.parametrize("key", ["api_implements", "_tf_data_function", "shared_rendezvous"])
def test_an_attribute_of_a_function(graph, key):
    graph.library.function[0].attr[key].s = b"lstm"
    assert f"function one can't be served: its attribute {key} is none" in fault(graph)


def test_an_attribute_of_an_argument(graph, call):
    made = call(graph, "two")
    made.arg_attr[0].attr["_tpu"].s = b"x"
    assert "function two can't be served: its attribute _tpu is none" in fault(graph)


def test_a_placeholder_in_an_attribute_of_a_function(graph):
    graph.library.function[0].attr["_noinline"].placeholder = "x"
    assert "its attribute _noinline is a placeholder" in fault(graph)


def test_gradients(graph):
    graph.library.gradient.add(function_name="one", gradient_func="two")
    assert "the graph maps functions to gradients ('one')" in fault(graph)
    del graph.library.gradient[:]
    graph.library.registered_gradients.add(gradient_func="one", registered_op_type="C-1")
    read_library(graph)  # Python's loader alone reads these


@pytest.mark.parametrize("name", ["", "two", "SymbolicGradient"])
def test_a_function_that_is_not_there(graph, graphs, name):
    graph.node[0].attr["f"].CopyFrom(graphs.calls(name))
    assert f"(call in the graph) calls {name!r}, which is no function of the file" in fault(graph)


@pytest.mark.parametrize("types", [{"Tin": [FLOAT], "Tout": [FLOAT]}, {"Tin": [], "Tout": []}])
def test_a_call_with_other_tensors(graph, graphs, types):
    graphs.const(graph.node, "c", 1.0)
    inputs = ["c"] * len(types["Tin"])
    graphs.add(graph.node, "other", "PartitionedCall", inputs, f=graphs.calls("one"), **types)
    assert "(other in the graph) calls 'one' with other tensors" in fault(graph)


def test_a_loop_whose_body_takes_other_tensors(graph, graphs, call):
    graphs.const(graph.node, "c", 1.0)
    functions = {"cond": graphs.calls("one"), "body": graphs.calls("one")}
    graphs.add(graph.node, "loop", "While", ["c"], T=[FLOAT], **functions)
    assert "(loop in the graph) calls 'one' with other tensors" in fault(graph)


def test_results_that_are_not_there(graph):
    graph.library.function[0].ret["y"] = "nowhere:output:0"
    assert "function one gives 'nowhere:output:0', which is no node of it" in fault(graph)
    del graph.library.function[0].ret["y"]
    assert "function one does not give what it declares" in fault(graph)


def test_two_arguments_of_one_name(graph):
    for _ in range(2):
        graph.library.function[0].signature.input_arg.add(name="x", type=1)
    assert fault(graph) == "two arguments of function one have one name"


def test_full_types_of_arguments(graph):
    graph.library.function[0].signature.output_arg[0].experimental_full_type.type_id = 103
    assert "function one has full types of its own" in fault(graph)


def test_functions_that_call_each_other_in_a_circle(graph, call):
    call(graph, "a", "b")
    call(graph, "b", "a")
    assert fault(graph) in {
        f"functions call each other in a circle: {circle}" for circle in ("a, b, a", "b, a, b")
    }


def test_a_function_that_calls_itself(graph, call):
    call(graph, "a", "a")
    assert fault(graph) == "functions call each other in a circle: a, a"


def test_a_bomb_of_functions(graph, call):
    before = "one"
    for index in range(40):
        call(graph, f"f{index}", before, times=2)
        before = f"f{index}"
    line = fault(graph)
    assert "comes to 1,572,862 nodes, with all functions in place of their calls" in line
    assert line.startswith("function f18 ")  # 3 (2^19) - 2, the first beyond the limit


def test_calls_within_calls(graph, call):
    before = "one"
    for index in range(library.MAX_DEPTH + 1):
        call(graph, f"f{index}", before)
        before = f"f{index}"
    assert f"comes to {library.MAX_DEPTH + 1} calls deep" in fault(graph)


def test_a_thousand_calls_within_calls_end_no_stack(graph, call):
    for index in range(3000):
        call(graph, f"f{index}", f"f{index + 1}")
    call(graph, "f3000")
    assert "calls deep" in fault(graph)


def splat(graphs, nodes, name, size):
    node = graphs.add(nodes, name, "Const", dtype=FLOAT)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([1.0]))
    node.attr["value"].tensor.tensor_shape.dim[0].size = size


def test_a_constant_that_claims_a_terabyte(graph, graphs):
    splat(graphs, graph.node, "c", 2**38)
    assert "the graph comes to 1,099,511,627,7" in fault(graph)


def test_constants_in_functions_count_for_each_call(graph, graphs, call):
    splat(graphs, graph.library.function[0].node_def, "c", 2**24)
    read_library(graph)
    call(graph, "five", "one", times=5)
    assert "function five comes to 335,544,3" in fault(graph)


def test_bytes_in_functions_count_for_each_call(graph, graphs, call, monkeypatch):
    monkeypatch.setattr(library, "MAX_BYTES", 2_000_000)
    node = graphs.add(graph.library.function[0].node_def, "c", "Const", dtype=tf.string)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("x" * 10**6))
    read_library(graph)
    call(graph, "two", "one", times=2)
    assert "function two comes to 2,000," in fault(graph)


def test_more_nodes_than_are_walked(graph, monkeypatch):
    monkeypatch.setattr(library, "MAX_NODES", 1)
    assert fault(graph) == "the graph holds 2 nodes; at most 1 pass"
