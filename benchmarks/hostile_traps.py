"""Graphs and odd files that would hang, crash or swell whoever checks or loads a version.

A trap changes the graph of a version, and must be refused. An odd file takes the place of one that
a version has or may have; it need not be refused, but nothing may hang, crash or leak by it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from hostile_bytes import bind_socket
from hostile_harms import INIT, first_line
from hostile_models import GRAPH, WIDTH, Change, add, call, callers, endless, nodes_of
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

# === Traps ===


def _identities_in_a_circle(graph: MetaGraphDef) -> None:
    """Names a table's file by a node that is its own input."""
    for node in add(graph, lambda: first_line(tf.identity("x"))):
        if node.op == "Identity":
            node.input[:] = [node.name]


def _table_of_one_input(graph: MetaGraphDef) -> None:
    for node in add(graph, lambda: first_line("x")):
        if node.op.startswith("InitializeTable"):
            del node.input[1:]


def _dtype_9999(graph: MetaGraphDef) -> None:
    graph.signature_def["serving_default"].inputs["x"].dtype = 9999


def _nothing_to_ask(graph: MetaGraphDef) -> None:
    for key in list(graph.signature_def):
        if not key.startswith("__"):
            del graph.signature_def[key]


def _terabyte(graph: MetaGraphDef) -> None:
    """Claims that a list of axes, which holds one number, repeats it 2**38 times."""
    for _, node in nodes_of(graph, "Const"):
        tensor = node.attr["value"].tensor
        if tensor.dtype == tf.int32.as_datatype_enum and len(tensor.tensor_shape.dim) == 1:
            tensor.tensor_shape.dim[0].size = 2**38


def _endless_init_op(graph: MetaGraphDef) -> None:
    """Initialises in a loop that never ends."""
    nodes = add(graph, lambda: endless(tf.zeros((1, WIDTH))))
    main = graph.signature_def[INIT].outputs[INIT].name
    (init,) = (node for node in graph.graph_def.node if node.name == main.split(":")[0])
    init.input.extend(f"^{node.name}" for node in nodes if node.op.endswith("While"))


def _negative_size(graph: MetaGraphDef) -> None:
    """Puts a tensor of a negative size into an attribute that no op declares."""
    for _, node in nodes_of(graph, "NoOp"):
        node.attr["_x"].tensor.tensor_shape.dim.add(size=-1)


def _scaled(graph: MetaGraphDef) -> Any:
    functions = graph.graph_def.library.function
    return next(f for f in functions if f.signature.name.startswith("__inference_scaled_"))


def _recursion(graph: MetaGraphDef) -> None:
    call(_scaled(graph), _scaled(graph).signature.name)


def _doubling(graph: MetaGraphDef) -> None:
    """Adds 40 functions, each of which calls the one before it twice."""
    library, leaf = graph.graph_def.library, _scaled(graph).signature
    for number in range(40):
        callee = f"double_{number - 1}" if number else leaf.name
        function = library.function.add(signature=leaf)
        function.signature.name = f"double_{number}"
        function.ret.update({output.name: "" for output in leaf.output_arg})
        call(function, callee)
        call(function, callee)
        function.node_def[0].input.append(f"^{function.node_def[1].name}")
    for node in list(callers(graph, leaf.name)):
        if not node.name.startswith("call_"):
            node.attr["f"].func.name = "double_39"


# Each changes a graph.
TRAPS: Mapping[str, Change] = {
    "identities in a circle": _identities_in_a_circle,
    "a table of one input": _table_of_one_input,
    "dtype 9999": _dtype_9999,
    "no signature": _nothing_to_ask,
    "an endless init op": _endless_init_op,
    "constants of a terabyte": _terabyte,
    "a tensor of a negative size": _negative_size,
    "recursion": _recursion,
    "calls that double 40 times": _doubling,
}


# === Odd files ===

INDEX, DATA = "variables/variables.index", "variables/variables.data-00000-of-00001"
WARMUP, LINES = "assets.extra/tf_serving_warmup_requests", "assets/words.txt"


def _instead(name: str, make: Callable[[Path], Any]) -> Callable[[Path], None]:
    """Returns what puts something else in the place of one file of a version."""

    def change(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        make(path)

    return change


def _as_each(what: str, names: Sequence[str], make: Callable[[Path], Any]) -> dict[str, Any]:
    return {f"{what} {Path(name).name}": _instead(name, make) for name in names}


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


def _device(path: Path) -> None:
    os.mknod(path, 0o20666, os.makedev(1, 5))  # as /dev/zero


def _many(folder: Path) -> None:
    (folder / "assets.extra").mkdir()
    for number in range(20_000):
        (folder / "assets.extra" / str(number)).touch()


def _linked(folder: Path) -> None:
    shutil.rmtree(folder / "assets")
    (folder / "assets").symlink_to("../../../outside")


# Each changes a version's folder; a device can be made by root alone.
FILES: Mapping[str, Callable[[Path], None]] = {
    **_as_each("a FIFO as", (GRAPH, INDEX, DATA, WARMUP, LINES, "more"), os.mkfifo),
    **_as_each("a socket as", (GRAPH, LINES), bind_socket),
    **(_as_each("a device as", (DATA, LINES), _device) if os.geteuid() == 0 else {}),
    **_as_each("/dev/zero as", (GRAPH, INDEX, DATA, LINES), lambda p: p.symlink_to("/dev/zero")),
    "a link out": _instead(LINES, lambda p: p.symlink_to("../../../../outside/text")),
    "a folder that is a link out": _linked,
    "links in a circle": _instead(LINES, lambda p: p.symlink_to(p.name)),
    "a link to the folder above": _instead("more", lambda p: p.symlink_to("..")),
    "a link to its own folder": _instead("more", lambda p: p.symlink_to(".")),
    **_as_each("1 TiB of nothing as", (GRAPH, INDEX, DATA, WARMUP, LINES), _sparse),
    **_as_each("no", (INDEX, DATA, LINES), lambda p: None),
    **_as_each("a folder as", (GRAPH, INDEX, DATA), os.mkdir),
    "20,000 files": _many,
}
