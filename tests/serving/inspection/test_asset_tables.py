"""Lookup tables read the assets of their model, and no other file."""

from __future__ import annotations

import pytest
import tensorflow as tf

from kavc.errors import ExportError
from kavc.serving.inspection.stock_ops import refuse_foreign_ops
from kavc.serving.inspection.version_files import read_saved_model


class Words(tf.Module):
    """Numbers words by the lines of a file."""

    def __init__(self, file):
        lookup = tf.lookup
        whole, number = lookup.TextFileIndex.WHOLE_LINE, lookup.TextFileIndex.LINE_NUMBER
        rows = lookup.TextFileInitializer(file, tf.string, whole, tf.int64, number)
        self.table = lookup.StaticHashTable(rows, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def number(self, word):
        return {"number": self.table.lookup(word)}


@pytest.fixture
def version(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("one\ntwo\n")
    module = Words(str(file))
    tf.saved_model.save(module, str(tmp_path / "1"), {"serving_default": module.number})
    return tmp_path / "1"


def refusal(version, change) -> str:
    saved = read_saved_model(version)
    change(saved.meta_graphs[0])
    (version / "saved_model.pb").write_bytes(saved.SerializeToString())
    with pytest.raises(ExportError) as error:
        refuse_foreign_ops(version)
    return str(error.value)


def initialiser(graph):
    (function,) = (
        function
        for function in graph.graph_def.library.function
        if any(node.op.startswith("InitializeTable") for node in function.node_def)
    )
    return function


def path_node(nodes):
    node = nodes.add(name="path", op="Const")
    node.attr["dtype"].type = tf.string.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/etc/passwd"))


def test_its_own_asset(version):
    assert "InitializeTableFromTextFileV2" in refuse_foreign_ops(version)


def test_a_path_in_the_function(version):
    def change(graph):
        function = initialiser(graph)
        path_node(function.node_def)
        (node,) = (n for n in function.node_def if n.op.startswith("InitializeTable"))
        node.input[1] = "path:output:0"

    assert "in function __inference__initializer" in refusal(version, change)


def test_a_path_in_the_graph(version):
    def change(graph):
        path_node(graph.graph_def.node)
        name = initialiser(graph).signature.name
        (call,) = (n for n in graph.graph_def.node if n.attr["f"].func.name == name)
        call.input[0] = "path"

    assert "in the graph) reads a table from a file that is no asset" in refusal(version, change)


def test_a_path_put_into_the_assets_variable(version):
    def change(graph):
        path_node(graph.graph_def.node)
        (assign,) = (n for n in graph.graph_def.node if n.op == "AssignVariableOp")
        assign.input[1] = "path"

    assert "no asset" in refusal(version, change)


def test_a_second_handle_of_the_assets_variable(version):
    def change(graph):
        (read,) = (n for n in graph.graph_def.node if n.name == "ReadVariableOp")
        (handle,) = (n for n in graph.graph_def.node if n.name == read.input[0])
        second = graph.graph_def.library.function[0].node_def.add()
        second.CopyFrom(handle)

    assert "no asset" in refusal(version, change)


def test_an_object_that_binds_no_asset(version):
    def change(graph):
        function = graph.object_graph_def.concrete_functions[initialiser(graph).signature.name]
        function.bound_inputs[0] = 0

    assert "reads a table from a file that is no asset" in refusal(version, change)


def test_another_way_to_call_it(version):
    def change(graph):
        name = initialiser(graph).signature.name
        node = graph.graph_def.node.add(name="map", op="MapDefun")
        node.attr["f"].func.name = name

    assert "the op MapDefun (map in the graph)" in refusal(version, change)
