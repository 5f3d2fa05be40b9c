"""Versions of the small model that read or write files which are none of theirs.

The files that they may not read lie outside of the version and hold a secret. What is here only
writes versions: whether one is refused, and what it does if it is not, is seen elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from hostile_models import WIDTH, add, attribute, callers, nodes_of, write_model
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

INIT = "__saved_model_init_op"
SECRET = "secret-7c1f0d"


def write_outside(outside: Path) -> None:
    """Writes what no model may read: a text, records, a checkpoint and descriptors of messages.

    Args:
        outside: a folder that does not exist yet.
    """
    outside.mkdir(parents=True)
    (outside / "text").write_text(SECRET + "\n")
    with tf.io.TFRecordWriter(str(outside / "records")) as writer:
        writer.write(SECRET.encode())
    tf.raw_ops.SaveV2(
        prefix=str(outside / "weights"),
        tensor_names=["note"],
        shape_and_slices=[""],
        tensors=[tf.constant([SECRET])],
    )
    files = FileDescriptorSet()
    file = files.file.add(name="m.proto", package="m")
    file.message_type.add(name="M").field.add(
        name="s", number=1, type=9, label=1, default_value=SECRET
    )
    (outside / "descriptors").write_bytes(files.SerializeToString())


def first_line(file: Any) -> tf.Tensor:
    """Builds the ops that read the first line of a text file by a table."""
    table = tf.raw_ops.HashTableV2(key_dtype=tf.int64, value_dtype=tf.string, shared_name="lines")
    filled = tf.raw_ops.InitializeTableFromTextFileV2(
        table_handle=table, filename=file, key_index=-1, value_index=-2
    )
    with tf.control_dependencies([filled]):
        return tf.raw_ops.LookupTableFindV2(
            table_handle=table, keys=tf.constant([0], tf.int64), default_value=""
        )


# === Writing ===


def _save(outside: Path) -> Any:
    path = str(outside / "written")
    return tf.raw_ops.SaveV2(
        prefix=path, tensor_names=["x"], shape_and_slices=[""], tensors=[tf.constant(1.0)]
    )


def _saving(outside: Path, arguments: int) -> Any:
    """Returns a function that writes a file, as a library holds it."""

    def saving(*x):
        with tf.control_dependencies([_save(outside)]):
            return tf.identity(x[0])

    specs = [tf.TensorSpec((None, WIDTH), tf.float32)] * arguments
    return tf.function(saving, input_signature=specs).get_concrete_function().function_def


def _legacy_init_op(folder: Path, outside: Path) -> None:
    """Has its file written by the op that old versions are initialised with."""

    def change(graph: MetaGraphDef) -> None:
        nodes = add(graph, lambda: _save(outside))
        del graph.signature_def[INIT], graph.collection_def["saved_model_main_op"]
        graph.collection_def["legacy_init_op"].node_list.value.append(nodes[-1].name)

    write_model(folder, change=change)


def _print_to_a_bound_file(folder: Path, outside: Path) -> None:
    """Prints to a stream that only the caller of a function names, by an attribute."""

    @tf.function(autograph=False)
    def inner(x):
        tf.raw_ops.PrintV2(input="written", output_stream="stderr", end="")
        return x + 1.0

    def change(graph: MetaGraphDef) -> None:
        for function, node in list(nodes_of(graph, "PrintV2")):
            node.attr["output_stream"].placeholder = "stream"
            function.signature.attr.add(name="stream", type="string")
            for caller in callers(graph, function.signature.name):
                stream = caller.attr["f"].func.attr["stream"]
                stream.s = f"file://{outside / 'written'}".encode()

    write_model(folder, harm=lambda x: {"y": inner(x)}, change=change)


def _bound_call(folder: Path, outside: Path) -> None:
    """Calls a function that only the caller's caller names, by an attribute."""

    @tf.function(autograph=False)
    def inner(x):
        return x * 3.0

    @tf.function(autograph=False)
    def middle(x):
        return inner(x) + 1.0

    def change(graph: MetaGraphDef) -> None:
        saving = _saving(outside, 1)
        names = {f.signature.name: f for f in graph.graph_def.library.function}
        (inside,) = (name for name in names if "_inner_" in name)
        (between,) = (name for name in names if "_middle_" in name)
        for node in callers(graph, inside):
            node.attr["f"].placeholder = "called"
        names[between].signature.attr.add(name="called", type="func")
        for node in callers(graph, between):
            node.attr["f"].func.attr["called"].func.name = saving.signature.name
        graph.graph_def.library.function.append(saving)
        # TensorFlow drops functions that none is seen to need; a gradient of one is needed, too.
        graph.graph_def.library.gradient.add(
            function_name=between, gradient_func=saving.signature.name
        )

    write_model(folder, harm=lambda x: {"y": middle(x)}, change=change)


def _gradient(folder: Path, outside: Path) -> None:
    """Asks for the gradient of a function; the library names one that writes."""

    @tf.function(autograph=False)
    def inner(x):
        return x * 3.0

    def change(graph: MetaGraphDef) -> None:
        library = graph.graph_def.library
        saving = _saving(outside, 2)
        (name,) = (f.signature.name for f in library.function if "_inner_" in f.signature.name)
        for _, node in list(nodes_of(graph, "BiasAdd")):
            node.op = "SymbolicGradient"
            node.attr.clear()
            node.attr["Tin"].list.type.extend([1, 1])
            node.attr["Tout"].list.type.append(1)
            node.attr["f"].func.name = name
        library.function.append(saving)
        library.gradient.add(function_name=name, gradient_func=saving.signature.name)

    def harm(x):
        return {"y": tf.raw_ops.BiasAdd(value=inner(x), bias=x[0])}

    write_model(folder, harm=harm, change=change)


# === Reading ===


def _records(folder: Path, outside: Path) -> None:
    def harm(x):
        return {"y": tf.raw_ops.RecordInput(file_pattern=str(outside / "records"), batch_size=1)}

    write_model(folder, harm=harm)


def _asset_that_nobody_feeds(folder: Path, outside: Path) -> None:
    """Declares a path as an asset: at a call, unlike at loading, it is what the graph says."""
    path = tf.constant(str(outside / "text"))

    def change(graph: MetaGraphDef) -> None:
        (name,) = (node.name for node in graph.graph_def.node
                   if attribute(node, "value").tensor.string_val == [path.numpy()])  # fmt: skip
        graph.asset_file_def.add(filename="words.txt").tensor_info.name = f"{name}:0"
        for node in graph.object_graph_def.nodes:
            if node.constant.operation == name:
                node.asset.asset_file_def_index = len(graph.asset_file_def) - 1

    write_model(folder, harm=lambda x: {"y": first_line(path)}, change=change)


def _restored_from_outside(folder: Path, outside: Path) -> None:
    """Restores its strings from another checkpoint, whose path is a constant."""

    def change(graph: MetaGraphDef) -> None:
        texts = {"prefix": str(outside / "weights"), "names": ["note"], "slices": [""]}
        for function, node in list(nodes_of(graph, "RestoreV2")):
            for name, value in texts.items():
                constant = function.node_def.add(name=f"harm_{name}", op="Const")
                constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, tf.string))
                constant.attr["dtype"].type = tf.string.as_datatype_enum
            again = function.node_def.add(name="harm", op="RestoreV2")
            again.input.extend(f"harm_{name}:output:0" for name in texts)
            again.attr["dtypes"].list.type.append(tf.string.as_datatype_enum)
            _give(function, node, "harm:tensors:0")

    write_model(folder, change=change)


def _give(function: Any, restore: NodeDef, tensor: str) -> None:
    """Lets the variable of strings be assigned another tensor."""
    dtypes = restore.attr["dtypes"].list.type
    place = list(dtypes).index(tf.string.as_datatype_enum)
    for node in function.node_def:
        for index, name in enumerate(node.input):
            if name == f"{restore.name}:tensors:{place}":
                node.input[index] = tensor


def _descriptors(folder: Path, outside: Path) -> None:
    def harm(x):
        decoded = tf.raw_ops.DecodeProtoV2(
            bytes=[b""], message_type="m.M", field_names=["s"], output_types=[tf.string],
            descriptor_source=str(outside / "descriptors"),
        )  # fmt: skip
        return {"y": decoded.values[0]}

    write_model(folder, harm=harm)


# Each writes a version, given its folder and that of the secrets.
HARMS: Mapping[str, Callable[[Path, Path], None]] = {
    "reads records": _records,
    "reads lines by an asset that nobody feeds": _asset_that_nobody_feeds,
    "writes at load (legacy_init_op)": _legacy_init_op,
    "writes by a bound attribute": _print_to_a_bound_file,
    "writes by a bound function": _bound_call,
    "writes by a gradient": _gradient,
    "reads weights": _restored_from_outside,
    "reads descriptors": _descriptors,
}
