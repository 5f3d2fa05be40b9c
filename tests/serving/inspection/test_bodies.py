"""Nodes by themselves and how they join: names, devices, inputs, circles, full types."""

from __future__ import annotations

import pytest
import tensorflow as tf
from tensorflow.core.framework.full_type_pb2 import FullTypeDef
from tensorflow.core.framework.graph_pb2 import GraphDef

from kavc.errors import ExportError
from kavc.serving.inspection.bodies import read_body
from kavc.serving.inspection.full_types import full_type_fault

FLOAT = tf.float32


def read(graph, **options):
    return read_body(graph.node, **options)


def fault(graph, **options) -> str:
    with pytest.raises(ExportError) as error:
        read(graph, **options)
    return str(error.value)


@pytest.fixture
def graph(graphs):
    """c, d -> sum -> same -> again."""
    graph = GraphDef()
    graphs.const(graph.node, "c", [1.0])
    graphs.const(graph.node, "d", [2.0])
    graphs.add(graph.node, "sum", "AddV2", ["c", "d"], T=FLOAT)
    graphs.add(graph.node, "same", "Identity", ["sum:0", "^c"], T=FLOAT)
    graphs.add(graph.node, "again", "Identity", ["same"], T=FLOAT)
    return graph


def test_what_joins_nodes(graph):
    body = read(graph)
    assert body.ancestors(["same:0"]) == {"same", "sum", "c", "d"}
    assert body.ancestors(["again"], known={"same"}) == {"again"}
    assert body.origin("again:0") == "sum" and body.origin("sum") == "sum"
    assert body.users["same"] == ["again"] and body.users["c"] == ["sum"]
    with pytest.raises(ExportError, match="it has no node 'nowhere'"):
        body.ancestors(["nowhere:0"])


@pytest.mark.parametrize("name", ["", "a b", "a:0", "^a", "a\n", "\x1b[2J", "sum", "é"])
def test_a_name_that_is_none_or_taken(graph, graphs, name):
    graphs.const(graph.node, name, 1.0)
    assert "has no name of its own" in fault(graph)


def test_a_name_of_an_argument(graph):
    assert "has no name of its own" in fault(graph, place="function f", arguments=["c"])


@pytest.mark.parametrize("inputs", [[], ["c"], ["c", "d", "c"], ["^c", "c", "d"]])
def test_a_wrong_number_of_inputs(graph, graphs, inputs):
    graphs.add(graph.node, "more", "AddV2", inputs, T=FLOAT)
    assert "the op AddV2 (more in the graph) has " in fault(graph)


@pytest.mark.parametrize(("number", "fits"), [(2, True), (3, False), (10**12, False)])
def test_as_many_inputs_as_an_attribute_says(graph, graphs, number, fits):
    graphs.add(graph.node, "more", "AddN", ["c", "d"], T=FLOAT, N=number)
    if fits:
        read(graph)
    else:
        assert "(more in the graph)" in fault(graph)


def test_a_table_op_of_one_input(graph, graphs):
    graphs.add(graph.node, "fill", "InitializeTableFromTextFileV2", ["c"])
    assert "(fill in the graph) has 1 inputs; expected 2" in fault(graph)


def test_an_attribute_that_counts_inputs_is_missing(graph, graphs):
    graphs.add(graph.node, "more", "IdentityN", ["c", "d"])
    assert "lacks its attribute 'T'" in fault(graph)


def test_an_input_of_nothing(graph, graphs):
    graphs.add(graph.node, "more", "Identity", ["nowhere"], T=FLOAT)
    assert "(more in the graph) has an input 'nowhere', which is no node" in fault(graph)


def test_nodes_in_a_circle(graph, graphs):
    graphs.add(graph.node, "e", "Identity", ["f"], T=FLOAT)
    graphs.add(graph.node, "f", "Identity", ["e"], T=FLOAT)
    assert "nodes of the graph depend on each other in a circle: " in fault(graph)


@pytest.mark.parametrize(
    ("device", "fits"),
    [
        ("", True),
        ("/device:CPU:0", True),
        ("/device:CPU:*", True),
        ("/job:localhost/replica:0/task:0/device:GPU:1", True),
        ("/cpu:0", True),
        ("/job:worker/replica:0/task:1/device:CPU:0", False),
        ("/device:TPU:0", False),
        ("/device:XLA_CPU_JIT:0", False),
    ],
)
def test_devices(graph, device, fits):
    graph.node[0].device = device
    if fits:
        read(graph)
    else:
        assert f"is placed on {device!r}; expected a CPU" in fault(graph)


def test_a_long_name_is_cut(graph, graphs):
    graphs.add(graph.node, "n" * 10**6, "MyOp" * 10**6)
    assert len(fault(graph)) < 1000


def test_an_op_of_the_operators(graph, graphs):
    graphs.const(graph.node, "file", "/x")
    graphs.add(graph.node, "read", "ReadFile", ["file"])
    assert "trusts it: --allow-op ReadFile" in fault(graph)
    read(graph, allow_ops=["ReadFile"])
    graph.node[-1].input.append("file")
    assert "has 2 inputs; expected 1" in fault(graph, allow_ops=["ReadFile"])


def product(*args):
    return FullTypeDef(type_id=3, args=args)


TENSOR = FullTypeDef(type_id=1000, args=[FullTypeDef(type_id=210)])


@pytest.mark.parametrize(
    ("full_type", "fits"),
    [
        (product(FullTypeDef(type_id=1001, args=[TENSOR])), True),
        (product(FullTypeDef(type_id=1005, args=[FullTypeDef(type_id=207)])), True),
        (FullTypeDef(type_id=103), False),  # ends the process that loads it
        (TENSOR, False),
        (product(), False),
        (product(TENSOR, TENSOR), False),
        (product(FullTypeDef(type_id=10102)), False),
        (product(FullTypeDef(type_id=1, s="T")), False),
        (product(FullTypeDef(type_id=1001, args=[product(TENSOR)])), False),
    ],
)
def test_full_types(full_type, fits):
    assert (full_type_fault(full_type, 1) is None) == fits


def test_a_full_type_that_is_nested_without_end():
    nested = FullTypeDef(type_id=1000)
    for _ in range(50):
        nested = FullTypeDef(type_id=1000, args=[nested])
    assert full_type_fault(product(nested), 1) == "has a full type that is nested too deep"


def test_a_node_of_a_wrong_full_type(graph):
    graph.node[2].experimental_type.type_id = 103
    assert "the op AddV2 (sum in the graph) has a full type that is no product" in fault(graph)
