"""Versions of the small model whose graphs are spoilt at random."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from hostile_models import GRAPH, attribute, call, edit
from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

OPS = sorted(name for name in dir(tf.raw_ops) if name[0].isupper())
SIZES = (-(2**63), -1, 0, 1, 3, 2**20, 2**31, 2**40, 2**62, 2**63 - 1)
WORDS = ("", "x", "/", "\0", "a" * 5000, "\x1b[2J\n", "../../text", "NoOp", "SymbolicGradient")
LISTS = ("s", "i", "f", "b", "type")


def _node_lists(graph: MetaGraphDef) -> list[Any]:
    """Returns the nodes of the graph, and those of each function that has any, as lists."""
    library = graph.graph_def.library.function
    bodies = [graph.graph_def.node, *(function.node_def for function in library)]
    return [nodes for nodes in bodies if nodes]


def _node(draw: random.Random, graph: MetaGraphDef) -> NodeDef:
    return draw.choice(draw.choice(_node_lists(graph)))


def _op(draw: random.Random, graph: MetaGraphDef, outside: Path) -> None:
    _node(draw, graph).op = draw.choice((draw.choice(OPS), draw.choice(OPS), draw.choice(WORDS)))


def _attribute(draw: random.Random, graph: MetaGraphDef, outside: Path) -> None:
    node = _node(draw, graph)
    name = draw.choice((*sorted(node.attr), "value", "f", "shared_name"))
    node.attr[name].CopyFrom(draw.choice((_random_value, _other_value))(draw, graph))


def _random_value(draw: random.Random, graph: MetaGraphDef) -> AttrValue:
    values = {
        "s": draw.choice(WORDS).encode(),
        "i": draw.choice(SIZES),
        "f": draw.choice((float("nan"), 1e38, -1.0)),
        "b": draw.random() < 0.5,
        "type": draw.choice((*range(24), 9999)),
        "placeholder": draw.choice(WORDS[1:]),
    }
    kind = draw.choice(sorted(values))
    if kind in LISTS and draw.random() < 0.3:
        return AttrValue(list=AttrValue.ListValue(**{kind: [values[kind]] * draw.choice((1, 9))}))
    return AttrValue(**{kind: values[kind]})


def _other_value(draw: random.Random, graph: MetaGraphDef) -> AttrValue:
    """Returns an attribute of another node."""
    other = _node(draw, graph)
    return other.attr[draw.choice(sorted(other.attr))] if other.attr else AttrValue(i=1)


def _size(draw: random.Random, graph: MetaGraphDef, outside: Path) -> None:
    """Lets a constant or a declared shape claim one axis more."""
    node = _node(draw, graph)
    for value in node.attr.values():
        shapes = [value.shape, value.tensor.tensor_shape, *value.list.shape]
        draw.choice(shapes).dim.add(size=draw.choice(SIZES))


def _input(draw: random.Random, graph: MetaGraphDef, outside: Path) -> None:
    nodes = draw.choice(_node_lists(graph))
    node, other = draw.choice(nodes), draw.choice(nodes)
    named = (other.name, f"{other.name}:{draw.choice((0, 1, -1, 99))}", f"^{other.name}")
    if node.input and draw.random() < 0.7:
        place = draw.randrange(len(node.input))
        node.input[place] = draw.choice((*named, *node.input, *WORDS))
    elif node.input and draw.random() < 0.5:
        del node.input[draw.randrange(len(node.input))]
    else:
        node.input.append(draw.choice(named))


def _circle(draw: random.Random, graph: MetaGraphDef, outside: Path) -> None:
    """Makes each of two nodes the first input of the other."""
    nodes = [node for node in draw.choice(_node_lists(graph)) if node.input]
    if nodes:
        node, other = draw.choice(nodes), draw.choice(nodes)
        node.input[0], other.input[0] = other.name, node.name


def _function(draw: random.Random, graph: MetaGraphDef, outside: Path) -> None:
    library = graph.graph_def.library
    one, other = draw.choice(library.function), draw.choice(library.function)
    action = draw.randrange(5)
    if action == 0:
        one.signature.name = draw.choice((other.signature.name, *WORDS, "MatMul"))
    elif action == 1:
        library.function.add().CopyFrom(one)
    elif action == 2:
        call(one, draw.choice((one, other)).signature.name)
    elif action == 3:
        library.gradient.add(function_name=one.signature.name, gradient_func=other.signature.name)
    else:
        one.signature.attr.add(name=draw.choice(WORDS), type=draw.choice(("type", "func", "x")))


def _signature(draw: random.Random, graph: MetaGraphDef, outside: Path) -> None:
    definition = graph.signature_def[draw.choice(sorted(graph.signature_def))]
    side = draw.choice((definition.inputs, definition.outputs))
    info = side[draw.choice((*sorted(side), "more"))]
    action = draw.randrange(4)
    if action == 0:
        info.dtype = draw.choice((*range(30), 9999, -1, 2**31 - 1))
    elif action == 1:
        names = [node.name for node in graph.graph_def.node]
        info.name = draw.choice((*WORDS, f"{draw.choice(names)}:{draw.choice((0, 1, 99))}"))
    elif action == 2:
        info.tensor_shape.dim.add(size=draw.choice(SIZES))
    else:
        definition.method_name = draw.choice(WORDS)


def _collection(draw: random.Random, graph: MetaGraphDef, outside: Path) -> None:
    keys = ("legacy_init_op", "saved_model_main_op", "saved_model_assets", "variables", "x")
    names = [node.name for node in graph.graph_def.node]
    found = graph.collection_def[draw.choice(keys)]
    found.node_list.value.append(draw.choice((*names, *WORDS)))


def _saver(draw: random.Random, graph: MetaGraphDef, outside: Path) -> None:
    names = [node.name for node in graph.graph_def.node]
    field_name = draw.choice(("restore_op_name", "filename_tensor_name", "save_tensor_name"))
    setattr(graph.saver_def, field_name, draw.choice((*names, f"{draw.choice(names)}:0", *WORDS)))


def _path(draw: random.Random, graph: MetaGraphDef, outside: Path) -> None:
    """Lets an asset or a constant name a file that is outside."""
    path = draw.choice((outside / "text", outside / "weights", outside / "written"))
    nodes = [node for nodes in _node_lists(graph) for node in nodes
             if attribute(node, "value").tensor.string_val]  # fmt: skip
    if nodes and draw.random() < 0.7:
        draw.choice(nodes).attr["value"].tensor.string_val[0] = os.fsencode(path)
        return
    asset = graph.asset_file_def.add()
    asset.filename = draw.choice((str(path), "../../../outside/text", "words.txt"))
    asset.tensor_info.name = draw.choice(graph.graph_def.node).name + ":0"


# Each changes a graph, as a draw decides; the folder is that of the secrets.
MUTATIONS: Mapping[str, Callable[[random.Random, MetaGraphDef, Path], None]] = {
    "ops": _op,
    "attributes": _attribute,
    "sizes": _size,
    "inputs": _input,
    "circles": _circle,
    "functions": _function,
    "signatures": _signature,
    "collections": _collection,
    "savers": _saver,
    "paths": _path,
}


def spoil_graph(kind: str, draw: random.Random, folder: Path, outside: Path) -> None:
    """Spoils a version's graph in one way, once, twice or four times, or its file's bytes.

    Args:
        kind: of `MUTATIONS`, or "bytes".
        draw: decides what is spoilt, and how.
        folder: of the version.
        outside: the folder of the secrets.
    """
    if kind == "bytes":
        path = folder / GRAPH
        path.write_bytes(spoilt_bytes(draw, path.read_bytes()))
        return

    def change(graph: MetaGraphDef) -> None:
        for _ in range(draw.choice((1, 1, 2, 4))):
            MUTATIONS[kind](draw, graph, outside)

    edit(folder, change)


def spoilt_bytes(draw: random.Random, content: bytes) -> bytes:
    """Returns bytes of which some are replaced, removed or added, or the end is cut off."""
    made = bytearray(content)
    for _ in range(draw.choice((1, 2, 8, 50))):
        place = draw.randrange(len(made) or 1)
        action = draw.randrange(12)
        if action < 5:
            made[place : place + 1] = draw.randbytes(1)
        elif action < 8:
            del made[place : place + draw.choice((1, 10))]
        elif action < 11:
            made[place:place] = draw.randbytes(draw.choice((1, 10, 100)))
        else:
            del made[place + 1 :]
    return bytes(made)
