"""Small SavedModels, and ways to change what stands in their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, TensorInfo
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

GRAPH = "saved_model.pb"
TEXT, FLOAT = tf.string.as_datatype_enum, tf.float32.as_datatype_enum
NUMBER = tf.int64.as_datatype_enum


class Scale(tf.Module):
    """Multiplies by a variable."""

    def __init__(self):
        super().__init__()
        self.factor = tf.Variable([2.0, 3.0])

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
    def scaled(self, x):
        return {"y": x * self.factor}


class Words(tf.Module):
    """Numbers words by the lines of a file."""

    def __init__(self, file: str):
        super().__init__()
        lookup = tf.lookup
        whole, number = lookup.TextFileIndex.WHOLE_LINE, lookup.TextFileIndex.LINE_NUMBER
        rows = lookup.TextFileInitializer(file, tf.string, whole, tf.int64, number)
        self.table = lookup.StaticHashTable(rows, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "word")])
    def number(self, word):
        return {"number": self.table.lookup(word)}


def save_scale(folder: Path) -> Path:
    module = Scale()
    tf.saved_model.save(module, str(folder), {"serving_default": module.scaled})
    return folder


def save_words(folder: Path) -> Path:
    file = folder.with_name("words.txt")
    file.write_text("one\ntwo\n")
    module = Words(str(file))
    tf.saved_model.save(module, str(folder), {"serving_default": module.number})
    return folder


def save_function(folder: Path, body: Callable[..., Any], *specs: tf.TensorSpec) -> Path:
    """Saves a function alone; without specs it takes a text, `x`."""
    function = tf.function(body, input_signature=specs or [tf.TensorSpec([], tf.string, "x")])
    module = tf.Module()
    module.function = function
    tf.saved_model.save(module, str(folder), {"serving_default": function})
    return folder


def change(folder: Path, edit: Callable[[MetaGraphDef], None]) -> Path:
    """Changes the only graph of a SavedModel."""
    saved = SavedModel.FromString((folder / GRAPH).read_bytes())
    edit(saved.meta_graphs[0])
    (folder / GRAPH).write_bytes(saved.SerializeToString())
    return folder


def add(nodes: Any, name: str, op: str, inputs: Iterable[str] = (), **attrs: Any) -> NodeDef:
    """Adds a node to a graph's or a function's.

    Args:
        nodes: the field of the message.
        name, op, inputs: of the node.
        attrs: name to dtype, number, bytes, list of dtypes, `AttrValue`, or message of a tensor.
    """
    node = nodes.add(name=name, op=op, input=inputs)
    for key, value in attrs.items():
        node.attr[key].CopyFrom(attribute(value))
    return node


def attribute(value: Any) -> AttrValue:
    if isinstance(value, AttrValue):
        return value
    if isinstance(value, tf.DType):
        return AttrValue(type=value.as_datatype_enum)
    if isinstance(value, list):
        return AttrValue(list={"type": [dtype.as_datatype_enum for dtype in value]})
    fields = {bool: "b", int: "i", bytes: "s", str: "placeholder"}
    return AttrValue(**{fields.get(type(value), "tensor"): value})


def calls(name: str, **attrs: AttrValue) -> AttrValue:
    """An attribute that names a function, and the attributes that it hands to it."""
    return AttrValue(func={"name": name, "attr": attrs})


def const(nodes: Any, name: str, value: Any) -> str:
    """Adds a constant to a graph; returns its name."""
    proto = tf.make_tensor_proto(value)
    add(nodes, name, "Const", dtype=tf.dtypes.as_dtype(proto.dtype), value=proto)
    return name


def output(meta_graph: MetaGraphDef, tensor: str, dtype: int, key: str = "serving_default") -> None:
    """Has a signature give a tensor."""
    meta_graph.signature_def[key].outputs["more"].CopyFrom(TensorInfo(name=tensor, dtype=dtype))


def function(graph: GraphDef, name: str, result: tf.DType | None = None) -> Any:
    """Adds a function without arguments, whose result "y" the caller fills in."""
    made = graph.library.function.add()
    made.signature.name = name
    if result is not None:
        made.signature.output_arg.add(name="y", type=result.as_datatype_enum)
    return made


def node(meta_graph: MetaGraphDef, op: str) -> NodeDef:
    """Returns the only node of an op in the outermost graph."""
    (found,) = (each for each in meta_graph.graph_def.node if each.op == op)
    return found


def function_with(meta_graph: MetaGraphDef, op: str) -> Any:
    """Returns the first function that holds an op."""
    functions = meta_graph.graph_def.library.function
    return next(each for each in functions if any(node.op == op for node in each.node_def))


def caller(meta_graph: MetaGraphDef, name: str) -> NodeDef:
    """Returns the node of the outermost graph that calls a function."""
    nodes = (each for each in meta_graph.graph_def.node if "f" in each.attr)
    return next(each for each in nodes if each.attr["f"].func.name == name)


def node_named(meta_graph: MetaGraphDef, tensor: str) -> NodeDef:
    """Returns the node of the outermost graph that gives a tensor."""
    name = tensor.partition(":")[0]
    return next(each for each in meta_graph.graph_def.node if each.name == name)
