"""A small model, how a version of it is written, and what is needed to change its graph.

The model has a variable, strings among its weights, a table filled from an asset and a loop: what
a version must have for its checks to meet each of them.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

tf.get_logger().setLevel("ERROR")
GRAPH = "saved_model.pb"  # a version's file with the graph
WIDTH = 4  # of the input "x"

Change = Callable[[MetaGraphDef], Any]


class Scaled(tf.Module):
    """Multiplies by its version, counts in a loop, and finds a word in the lines of an asset.

    Args:
        version: the factor.
        words: a text file, which becomes an asset.
    """

    def __init__(self, version: int, words: Path):
        super().__init__()
        self.scale = tf.Variable(float(version))
        self.note = tf.Variable(["nothing"])
        index = tf.lookup.TextFileIndex
        lines = tf.lookup.TextFileInitializer(
            str(words), tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
        )
        self.table = tf.lookup.StaticHashTable(lines, -1)

    @tf.function(input_signature=[tf.TensorSpec((None, WIDTH), tf.float32, name="x")])
    def scaled(self, x):
        return {"y": self.scale * x}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="word")])
    def found(self, word):
        return {"line": self.table.lookup(word), "note": self.note}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32, name="n")])
    def counted(self, n):
        most = tf.minimum(tf.reduce_max(n), 10)
        return {"sum": tf.while_loop(lambda i, _: i < most, lambda i, s: (i + 1, s + i), (0, 0))[1]}


def endless(x: tf.Tensor) -> dict[str, tf.Tensor]:
    """Counts in a loop that never ends; a signature of this is never answered."""
    return {"y": tf.while_loop(lambda y: tf.reduce_all(y > -1.0), lambda y: [y + 1.0], [x])[0]}


# === Versions ===


def write_model(
    folder: Path, version: int = 1, harm: Callable | None = None, change: Change | None = None
) -> None:
    """Writes a version of the small model.

    Args:
        folder: of the version.
        version: the number by which "serving_default" multiplies its input.
        harm: a function of x, `(rows, 4)` float32, that becomes the signature "harm".
        change: is done to the graph after it has been written.
    """
    with tempfile.TemporaryDirectory() as texts:
        words = Path(texts) / "words.txt"
        words.write_text("one\ntwo\nthree\n")
        model = Scaled(version, words)
        signatures = {"serving_default": model.scaled, "find": model.found, "count": model.counted}
        if harm is not None:
            spec = tf.TensorSpec((None, WIDTH), tf.float32, name="x")
            model.harm = signatures["harm"] = tf.function(harm, input_signature=[spec])
        tf.saved_model.save(model, os.fspath(folder), signatures)
    if change is not None:
        edit(folder, change)


def write_model_apart(*folders: Path, harm: Callable | None = None) -> None:
    """Writes versions in a process of its own, since one that has run TensorFlow can't be forked.

    Args:
        folders: of the versions, each named by its number.
        harm: as `write_model` takes it.
    """
    work = [(folder, int(folder.name), harm) for folder in folders]
    writer = multiprocessing.get_context("fork").Process(
        target=lambda: [write_model(*arguments) for arguments in work]
    )
    writer.start()
    writer.join()
    if writer.exitcode:
        raise SystemExit("the models could not be written")


def edit(folder: Path, change: Change) -> None:
    """Changes the graph of a version where it lies."""
    path = folder / GRAPH
    saved = SavedModel.FromString(path.read_bytes())
    change(saved.meta_graphs[0])
    path.write_bytes(saved.SerializeToString())


# === Nodes ===


def add(graph: MetaGraphDef, build: Callable[[], Any]) -> list[NodeDef]:
    """Puts what a function builds into a graph; returns its nodes there."""
    with tf.Graph().as_default() as built, tf.name_scope("harm"):
        build()
    more = built.as_graph_def()
    there = len(graph.graph_def.node)
    graph.graph_def.node.extend(more.node)
    graph.graph_def.library.function.extend(more.library.function)
    return graph.graph_def.node[there:]


def attribute(node: NodeDef, name: str) -> AttrValue:
    """Returns an attribute, or an empty one; to ask the node itself would add it."""
    return node.attr[name] if name in node.attr else AttrValue()


def nodes_of(graph: MetaGraphDef, op: str) -> Iterator[tuple[Any, NodeDef]]:
    """Yields each node with this op that lies in a function, after its function."""
    for function in graph.graph_def.library.function:
        for node in function.node_def:
            if node.op == op:
                yield function, node


def callers(graph: MetaGraphDef, name: str) -> Iterator[NodeDef]:
    """Yields the nodes that call a function, by its name."""
    bodies = (function.node_def for function in graph.graph_def.library.function)
    for nodes in (graph.graph_def.node, *bodies):
        yield from (node for node in nodes if attribute(node, "f").func.name == name)


def call(function: Any, callee: str) -> None:
    """Lets a function return what another one of its signature returns for its arguments."""
    arguments = [argument.name for argument in function.signature.input_arg]
    node = function.node_def.add(name=f"call_{len(function.node_def)}", input=arguments)
    node.op = "StatefulPartitionedCall"
    node.attr["f"].func.name = callee
    node.attr["Tin"].list.type.extend(found.type for found in function.signature.input_arg)
    node.attr["Tout"].list.type.extend(found.type for found in function.signature.output_arg)
    for output in function.ret:
        function.ret[output] = f"{node.name}:output:0"
