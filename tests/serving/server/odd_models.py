"""Small models that are odd in ways a check can't, or need not, refuse."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from kavc.serving.inspection.version_files import read_saved_model


class Doubler(tf.Module):
    """Doubles numbers, by a variable."""

    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def call(self, x):
        return {"y": self.factor * x}


class Endless(tf.Module):
    """Answers negative numbers never, and doubles all others."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def call(self, x):
        turns = tf.constant(0)
        while tf.reduce_any(x < 0.0):
            turns += 1
        return {"y": 2.0 * x + 0.0 * tf.cast(turns, tf.float32)}


def save(module: tf.Module, folder: Path) -> Path:
    """Writes a version whose one signature is the module's `call`."""
    tf.saved_model.save(module, str(folder), {"serving_default": module.call})
    return folder


def never_ready(folder: Path) -> Path:
    """Lets the initialiser of an `Endless`, which a loader runs, ask it for a negative number."""
    saved = read_saved_model(folder)
    graph = saved.meta_graphs[0]
    nodes = graph.graph_def.node
    output = graph.signature_def["serving_default"].outputs["y"].name
    (call,) = (node for node in nodes if node.name == output.partition(":")[0])
    never = nodes.add()
    never.CopyFrom(call)
    never.name, never.input[0] = "never", "minus"
    minus = nodes.add(name="minus", op="Const")
    minus.attr["dtype"].type = tf.float32.as_datatype_enum
    minus.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([-1.0]))
    initialiser = graph.signature_def["__saved_model_init_op"]
    initialiser.outputs["__saved_model_init_op"].name = "never"
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    return folder
