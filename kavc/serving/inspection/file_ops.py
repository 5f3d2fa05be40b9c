"""Ops that touch files: each in its place of a SavedModel, and on the version's own files alone.

Every SavedModel holds ops that save and restore its variables, and some fill lookup tables from
text files. A server runs three things of a graph: the op that restores, the op that initialises,
and signatures; other loaders run the functions of its objects, too. So:

- nothing of these reaches an op that saves;
- `RestoreV2` is reached by the op that restores alone, and its prefix is the one that the server
  feeds, `saver_def.filename_tensor_name`, unchanged;
- a table is filled from a file by the op that initialises alone (by a function of the objects, if
  that is bound to an asset), and the file's name is that of an asset, which the server feeds:
  directly, or by way of a variable that nothing else can set.

A name is followed back to where it comes from, out of the functions that it was passed into.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kavc.errors import ExportError
from kavc.serving.inspection.bodies import Body
from kavc.serving.inspection.definitions import MAX_NAME, refusal
from kavc.serving.inspection.library import Library
from kavc.texts import one_line, quoted

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
    from tensorflow.core.protobuf.saved_object_graph_pb2 import SavedObjectGraph

    Names = dict[tuple[int, str], NodeDef]  # (argument that is a file's name, op) to the node

TABLES = {"InitializeTableFromTextFile": 1, "InitializeTableFromTextFileV2": 1}
RESTORERS = {"RestoreV2": 0}
READERS = TABLES | RESTORERS  # and which input is the file's name
FILE_OPS = frozenset({*READERS, "SaveV2", "MergeV2Checkpoints"})
PLAIN_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
FED = ("Placeholder", "PlaceholderWithDefault", "Const")  # one output, which the feed takes over
HARMLESS = ("ReadVariableOp", "VarIsInitializedOp")
HANDLES = ("VarHandleOp", "VariableV2")

INIT_SIGNATURE = "__saved_model_init_op"
MAIN_OP = "saved_model_main_op"


@dataclass(frozen=True)
class Fed:
    """The nodes of the outermost graph whose values are names of files that a server feeds.

    Args:
        assets: of assets.
        prefix: of the variables' files; "" where there are none.
    """

    assets: frozenset[str]
    prefix: str


def check_file_ops(meta_graph: MetaGraphDef, library: Library, fed: Fed) -> None:
    """Raises if an op could touch another file than those of its version, or at another time.

    Args:
        meta_graph: of a SavedModel.
        library: its graph and functions.
        fed: what a server feeds when it loads.

    Raises:
        ExportError: names the op and its place.
    """
    _check_handles(library)
    names = _names_in_functions(library)
    _check_names(library, names, fed)
    _check_objects(meta_graph.object_graph_def, library, names)
    _check_reach(meta_graph, library)


def init_ops(meta_graph: MetaGraphDef) -> list[str]:
    """Returns the names of the nodes that initialise a graph.

    Reference:
        TensorFlow, `cc/saved_model/constants.h`.

    Example:
        >>> from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
        >>> meta_graph = MetaGraphDef()
        >>> meta_graph.collection_def[MAIN_OP].node_list.value.append("init")
        >>> init_ops(meta_graph)
        ['init']
    """
    signature = meta_graph.signature_def.get(INIT_SIGNATURE)  # [...] would add what is missing
    main = meta_graph.collection_def.get(MAIN_OP)
    outputs = signature.outputs.values() if signature else ()
    return [*(info.name for info in outputs), *(main.node_list.value if main else ())]


def fed_nodes(meta_graph: MetaGraphDef, graph: Body) -> Fed:
    """Returns what a server feeds when it loads.

    Args:
        meta_graph: of a SavedModel.
        graph: its outermost body.

    Raises:
        ExportError: it would feed what is no tensor of its own.
    """
    assets = [_fed_node(each.tensor_info.name, graph) for each in meta_graph.asset_file_def]
    prefix = meta_graph.saver_def.filename_tensor_name
    return Fed(frozenset(assets), _fed_node(prefix, graph) if prefix else "")


def _fed_node(tensor: str, graph: Body) -> str:
    name, _, port = tensor.partition(":")
    if name not in graph.nodes or graph.nodes[name].op not in FED or port not in ("", "0"):
        raise ExportError(
            f"{quoted(tensor)} is to be fed the name of a file, and is no tensor that could be"
        )
    return name


def _check_handles(library: Library) -> None:
    """A function's variable could have the name of one in the graph, once it is put in place."""
    for body in library.functions.values():
        for node in body.nodes.values():
            if node.op in HANDLES:
                raise refusal(node, body.place, "makes a variable; only the outermost graph may")


def _names_in_functions(library: Library) -> dict[str, Names]:
    """Returns which arguments of each function are names of files, and the ops that read each."""
    found: dict[str, Names] = {}
    for function, body in library.functions.items():
        found[function] = {}
        for node, reader, tensor in _read_names(body, found):
            origin = body.origin(tensor)
            if origin not in body.arguments:
                raise _no_own_file(reader, node, body)
            found[function][body.arguments[origin], reader.op] = reader
    return found


def _read_names(
    body: Body, functions: Mapping[str, Names]
) -> Iterator[tuple[NodeDef, NodeDef, str]]:
    """Yields (node, op that reads, tensor): the names of files that a body's nodes hand on."""
    for name, node in body.nodes.items():
        if node.op in READERS:
            yield node, node, body.inputs[name][READERS[node.op]]
    for name, called in body.calls.items():
        node = body.nodes[name]
        for function in called:
            for (index, _), reader in functions[function].items():
                if node.op not in PLAIN_CALLS:  # a loop's body hands itself other names
                    raise _no_own_file(reader, node, body)
                yield node, reader, body.inputs[name][index]


def _check_names(library: Library, functions: Mapping[str, Names], fed: Fed) -> None:
    graph = library.graph
    alone = _alone(graph)
    for node, reader, tensor in _read_names(graph, functions):
        if reader.op in RESTORERS:
            own = fed.prefix != "" and graph.origin(tensor) == fed.prefix
        else:
            own = _is_asset(tensor, graph, fed.assets, alone)
        if not own:
            raise _no_own_file(reader, node, graph)


def _is_asset(tensor: str, graph: Body, assets: frozenset[str], alone: Collection[str]) -> bool:
    name = graph.origin(tensor)
    if name in assets:
        return True
    if name not in graph.nodes or graph.nodes[name].op != "ReadVariableOp":
        return False
    variable = graph.origin(graph.inputs[name][0])
    return variable in alone and all(
        user.op in HARMLESS
        or (
            user.op == "AssignVariableOp"
            and graph.origin(graph.inputs[user.name][0]) == variable
            and graph.origin(graph.inputs[user.name][1]) in assets
        )
        for user in _users(variable, graph)
    )


def _users(variable: str, graph: Body) -> Iterator[NodeDef]:
    """Yields the nodes that get a variable's handle, also by way of `Identity`."""
    waiting = [variable]
    while waiting:
        for name in graph.users.get(waiting.pop(), ()):
            if graph.nodes[name].op == "Identity":
                waiting.append(name)
            else:
                yield graph.nodes[name]


def _alone(graph: Body) -> set[str]:
    """Returns the variables to which no other handle gives access."""
    handles = [node for node in graph.nodes.values() if node.op in HANDLES]
    counts = Counter(map(_shared_name, handles))
    return {
        node.name
        for node in handles
        if node.op == "VarHandleOp" and counts[_shared_name(node)] == 1
    }


def _shared_name(node: NodeDef) -> bytes:
    given = node.attr.get("shared_name")
    return (given.s if given else b"") or node.name.encode()


def _check_objects(objects: SavedObjectGraph, library: Library, names: Mapping[str, Names]) -> None:
    """A loader that makes Python's objects binds their functions to assets by itself."""
    for name, function in objects.concrete_functions.items():
        bound = list(function.bound_inputs)
        for (index, _), reader in names.get(name, {}).items():
            if reader.op not in TABLES:
                continue  # `_check_reach` refuses it, whatever it is bound to
            at = index - (len(library.functions[name].arguments) - len(bound))
            asset = 0 <= at < len(bound) and 0 <= bound[at] < len(objects.nodes)
            if not asset or objects.nodes[bound[at]].WhichOneof("kind") != "asset":
                raise _no_own_file(reader, reader, library.functions[name])


def _check_reach(meta_graph: MetaGraphDef, library: Library) -> None:
    """Refuses a way from what is run to an op that touches files, but for those of its place."""
    graph, held = library.graph, _file_ops(library)
    asked: set[str] = set()  # a node that was looked at for one signature is well for all
    for key, signature in meta_graph.signature_def.items():
        if key != INIT_SIGNATURE:
            nodes = graph.ancestors([info.name for info in signature.outputs.values()], asked)
            _refuse_way(f"signature {quoted(key)}", graph, nodes, held, ())
            asked |= nodes
    nodes = graph.ancestors(init_ops(meta_graph))
    _refuse_way("the op that initialises the graph", graph, nodes, held, TABLES)
    restore = meta_graph.saver_def.restore_op_name
    if restore:
        nodes = graph.ancestors([restore])
        _refuse_way("the op that restores variables", graph, nodes, held, RESTORERS)
    for name in meta_graph.object_graph_def.concrete_functions:
        _refuse_ops(f"function {one_line(name, MAX_NAME)}", held.get(name, {}), TABLES)


def _file_ops(library: Library) -> dict[str, dict[str, NodeDef]]:
    """Returns the ops on files that each function reaches, one node an op."""
    held: dict[str, dict[str, NodeDef]] = {}
    for name, body in library.functions.items():
        held[name] = {node.op: node for node in body.nodes.values() if node.op in FILE_OPS}
        for called in {each for functions in body.calls.values() for each in functions}:
            held[name].update(held[called])
    return held


def _refuse_way(
    what: str,
    graph: Body,
    names: Iterable[str],
    held: Mapping[str, Mapping[str, NodeDef]],
    allowed: Collection[str],
) -> None:
    for name in names:
        node = graph.nodes[name]
        if node.op in FILE_OPS:
            _refuse_ops(what, {node.op: node}, allowed)
        for called in graph.calls.get(name, ()):
            _refuse_ops(what, held[called], allowed)


def _refuse_ops(what: str, ops: Mapping[str, NodeDef], allowed: Collection[str]) -> None:
    for op, node in ops.items():
        if op not in allowed:
            raise ExportError(
                f"{what} reaches the op {op} ({one_line(node.name, MAX_NAME)}), which reads or "
                "writes files; a served graph can't hold it"
            )


def _no_own_file(reader: NodeDef, node: NodeDef, body: Body) -> ExportError:
    if reader.op in RESTORERS:
        why = "restores variables from another file than the model's own"
    else:
        why = "reads a table from a file that is no asset of the model"
    through = "" if reader is node else f", through {one_line(node.name, MAX_NAME)} in {body.place}"
    place = body.place if reader is node else "a function"
    return refusal(reader, place, f"{why}{through}; a served graph can't hold it")
