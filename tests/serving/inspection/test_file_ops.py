"""Ops on files: in their place, on the version's own files, and at no other time."""

from __future__ import annotations

import pytest
import tensorflow as tf

from kavc.serving.inspection import inspect

NO_ASSET = "reads a table from a file that is no asset of the model"


def initialiser(graphs, meta_graph):
    return graphs.function_with(meta_graph, "InitializeTableFromTextFileV2")


def path_node(graphs, nodes, name="path"):
    node = graphs.add(nodes, name, "Const", dtype=tf.string)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/etc/passwd"))


def test_its_own_asset(words):
    checked = inspect(words)
    assert "InitializeTableFromTextFileV2" in checked.ops
    assert checked.assets == {"asset_path_initializer:0": "words.txt"}


def test_a_path_in_the_function(words, refusal, graphs):
    def edit(meta_graph):
        function = initialiser(graphs, meta_graph)
        path_node(graphs, function.node_def)
        (node,) = (n for n in function.node_def if n.op.startswith("InitializeTable"))
        node.input[1] = "path:output:0"

    line = refusal(words, edit)
    assert "in function __inference__initializer" in line and NO_ASSET in line


def test_a_path_in_the_graph(words, refusal, graphs):
    def edit(meta_graph):
        path_node(graphs, meta_graph.graph_def.node)
        name = initialiser(graphs, meta_graph).signature.name
        graphs.caller(meta_graph, name).input[0] = "path"

    assert f"in a function) {NO_ASSET}, through StatefulPartitionedCall" in refusal(words, edit)


def test_a_path_put_into_the_assets_variable(words, refusal, graphs):
    def edit(meta_graph):
        path_node(graphs, meta_graph.graph_def.node)
        graphs.node(meta_graph, "AssignVariableOp").input[1] = "path"

    assert NO_ASSET in refusal(words, edit)


@pytest.mark.parametrize("op", ["AssignVariableOp", "AssignAddVariableOp"])
def test_a_second_value_of_the_assets_variable(words, refusal, graphs, op):
    def edit(meta_graph):
        nodes = meta_graph.graph_def.node
        path_node(graphs, nodes)
        handle = graphs.node(meta_graph, "AssignVariableOp").input[0]
        graphs.add(nodes, "handle", "Identity", [handle], T=tf.resource)
        graphs.add(nodes, "second", op, ["handle", "path"], dtype=tf.string)

    assert NO_ASSET in refusal(words, edit)


def test_a_second_handle_of_the_assets_variable(words, refusal, graphs):
    def edit(meta_graph):
        second = meta_graph.graph_def.node.add()
        second.CopyFrom(graphs.node(meta_graph, "VarHandleOp"))
        second.name = "second"

    assert NO_ASSET in refusal(words, edit)


def test_a_handle_in_a_function(words, refusal, graphs):
    def edit(meta_graph):
        second = meta_graph.graph_def.library.function[0].node_def.add()
        second.CopyFrom(graphs.node(meta_graph, "VarHandleOp"))
        second.name = "second"

    assert "makes a variable; only the outermost graph may" in refusal(words, edit)


def test_an_object_that_binds_no_asset(words, refusal, graphs):
    def edit(meta_graph):
        name = initialiser(graphs, meta_graph).signature.name
        objects = meta_graph.object_graph_def
        objects.concrete_functions[name].bound_inputs[0] = 0

    assert NO_ASSET in refusal(words, edit)


def test_an_object_that_binds_what_is_not_there(words, refusal, graphs):
    def edit(meta_graph):
        name = initialiser(graphs, meta_graph).signature.name
        objects = meta_graph.object_graph_def
        objects.concrete_functions[name].bound_inputs[0] = 10**6

    assert NO_ASSET in refusal(words, edit)


def test_a_loop_around_it(words, refusal, graphs):
    """Its body could hand itself another name."""

    def edit(meta_graph):
        graph = meta_graph.graph_def
        name = initialiser(graphs, meta_graph).signature.name
        call = graphs.caller(meta_graph, name)
        looping = graphs.function(graph, "looping", tf.string)
        going = graphs.function(graph, "going", tf.bool)
        for function in (looping, going):
            for argument in initialiser(graphs, meta_graph).signature.input_arg:
                function.signature.input_arg.add(name=argument.name, type=argument.type)
        node = graphs.add(going.node_def, "yes", "Const", dtype=tf.bool)
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(True))
        going.ret["y"] = "yes:output:0"
        arguments = [argument.name for argument in looping.signature.input_arg]
        inner = looping.node_def.add()
        inner.CopyFrom(call)
        inner.ClearField("input")
        inner.input.extend(arguments)
        path_node(graphs, looping.node_def, "next")
        looping.ret.clear()
        del looping.signature.output_arg[:]
        for argument in looping.signature.input_arg:
            looping.signature.output_arg.add(name=f"{argument.name}_out", type=argument.type)
            text = argument.type == graphs.TEXT
            looping.ret[f"{argument.name}_out"] = "next:output:0" if text else argument.name
        types = [tf.dtypes.as_dtype(a.type) for a in looping.signature.input_arg]
        functions = {"cond": graphs.calls("going"), "body": graphs.calls("looping")}
        graphs.add(graph.node, "loop", "While", list(call.input[:2]), T=types, **functions)

    assert f"{NO_ASSET}, through loop in the graph" in refusal(words, edit)


def test_a_circle_of_identities_under_a_name(words, refusal, graphs):
    def edit(meta_graph):
        nodes = meta_graph.graph_def.node
        graphs.add(nodes, "a", "Identity", ["b"], T=tf.string)
        graphs.add(nodes, "b", "Identity", ["a"], T=tf.string)
        name = initialiser(graphs, meta_graph).signature.name
        graphs.caller(meta_graph, name).input[0] = "a"

    assert "nodes of the graph depend on each other in a circle" in refusal(words, edit)


@pytest.mark.parametrize("tensor", ["two:1", "nowhere:0", "Split:0", ""])
def test_an_asset_that_is_fed_past_its_name(words, refusal, graphs, tensor):
    def edit(meta_graph):
        nodes = meta_graph.graph_def.node
        path_node(graphs, nodes, "two")
        graphs.const(nodes, "axis", 0)
        graphs.add(nodes, "Split", "Split", ["axis", "two"], T=tf.string, num_split=1)
        meta_graph.asset_file_def.add(filename="words.txt").tensor_info.name = tensor

    assert "is to be fed the name of a file, and is no tensor that could be" in refusal(words, edit)


def saver(meta_graph):
    return meta_graph.saver_def.save_tensor_name


def give(signature, name, tensor, dtype=tf.string):
    signature.outputs[name].name = tensor
    signature.outputs[name].dtype = dtype.as_datatype_enum


def test_a_signature_that_saves(scale, refusal):
    def edit(meta_graph):
        give(meta_graph.signature_def["serving_default"], "y", saver(meta_graph))

    assert refusal(scale, edit).startswith("signature 'serving_default' reaches the op ")


def test_the_second_of_two_signatures_saves(scale, refusal):
    def edit(meta_graph):
        other = meta_graph.signature_def["other"]
        other.CopyFrom(meta_graph.signature_def["serving_default"])
        give(other, "z", saver(meta_graph))

    assert refusal(scale, edit).startswith("signature 'other' reaches the op ")


def test_an_initialiser_that_saves(scale, refusal):
    def edit(meta_graph):
        outputs = meta_graph.signature_def["__saved_model_init_op"].outputs
        outputs["__saved_model_init_op"].name = saver(meta_graph)

    assert refusal(scale, edit).startswith("the op that initialises the graph reaches the op ")


def test_a_main_op_that_saves(scale, refusal):
    def edit(meta_graph):
        main = meta_graph.collection_def["saved_model_main_op"].node_list
        main.value[:] = [saver(meta_graph).partition(":")[0]]

    assert refusal(scale, edit).startswith("the op that initialises the graph reaches the op ")


def test_a_restore_that_saves(scale, refusal):
    def edit(meta_graph):
        meta_graph.saver_def.restore_op_name = saver(meta_graph).partition(":")[0]

    assert refusal(scale, edit).startswith("the op that restores variables reaches the op ")


def test_a_function_of_the_objects_that_saves(scale, refusal, graphs):
    def edit(meta_graph):
        name = graphs.function_with(meta_graph, "SaveV2").signature.name
        meta_graph.object_graph_def.concrete_functions[name].bound_inputs.append(0)

    assert refusal(scale, edit).startswith("function __inference__traced_save")


@pytest.mark.parametrize("reach", ["signature", "initialiser", "object"])
def test_variables_that_are_restored_at_another_time(scale, refusal, graphs, reach):
    def edit(meta_graph):
        restores = meta_graph.saver_def.restore_op_name
        if reach == "signature":
            give(meta_graph.signature_def["serving_default"], "y", f"{restores}:0")
        elif reach == "initialiser":
            outputs = meta_graph.signature_def["__saved_model_init_op"].outputs
            outputs["__saved_model_init_op"].name = restores
        else:
            name = graphs.function_with(meta_graph, "RestoreV2").signature.name
            meta_graph.object_graph_def.concrete_functions[name].bound_inputs.append(0)

    assert "reaches the op RestoreV2 (" in refusal(scale, edit)


def test_a_prefix_that_is_made_of_the_one_that_is_fed(scale, refusal, graphs):
    def edit(meta_graph):
        function = graphs.function_with(meta_graph, "RestoreV2")
        path_node(graphs, function.node_def, "dots")
        (restore,) = (node for node in function.node_def if node.op == "RestoreV2")
        inputs = [restore.input[0], "dots:output:0"]
        graphs.add(function.node_def, "joined", "StringJoin", inputs, N=2)
        restore.input[0] = "joined:output:0"

    assert "restores variables from another file than the model's own" in refusal(scale, edit)


def test_a_prefix_that_is_not_fed(scale, refusal):
    line = refusal(scale, lambda found: found.saver_def.ClearField("filename_tensor_name"))
    assert "restores variables from another file than the model's own" in line


def test_an_output_of_nothing(scale, refusal):
    def edit(meta_graph):
        meta_graph.signature_def["__saved_model_init_op"].outputs["x"].name = "nowhere"

    assert "the graph is damaged: it has no node 'nowhere'" in refusal(scale, edit)
