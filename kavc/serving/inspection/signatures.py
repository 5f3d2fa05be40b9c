"""The signatures of a graph: tensors that are there, of the dtypes that they claim."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from kavc.errors import ExportError
from kavc.serving.inspection.bodies import Body
from kavc.serving.inspection.definitions import output_type
from kavc.serving.inspection.file_ops import INIT_SIGNATURE
from kavc.texts import one_line, quoted

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef, TensorInfo

PLACEHOLDERS = ("Placeholder", "PlaceholderWithDefault")


def check_signatures(meta_graph: MetaGraphDef, graph: Body, fed: Collection[str]) -> None:
    """Raises if a signature takes or gives what is no such tensor of the graph.

    Args:
        meta_graph: of a SavedModel.
        graph: its outermost body.
        fed: nodes that a server feeds when it loads; no caller may feed these.

    Raises:
        ExportError: names signature and tensor.
    """
    for key, signature in meta_graph.signature_def.items():
        if key == INIT_SIGNATURE:
            if signature.method_name:
                raise ExportError(f"signature {key!r} initialises the graph; it can't be asked too")
            continue
        taken: set[str] = set()
        for name, info in signature.inputs.items():
            what = f"signature {quoted(key)}, input {quoted(name)}"
            node = _check_tensor(what, info, graph)
            if graph.nodes[node].op not in PLACEHOLDERS or node in fed or node in taken:
                raise ExportError(f"{what} is {quoted(info.name)}, which is no input of its own")
            taken.add(node)
        for name, info in signature.outputs.items():
            _check_tensor(f"signature {quoted(key)}, output {quoted(name)}", info, graph)


def check_askable(meta_graph: MetaGraphDef) -> None:
    """Raises if a graph has no signature that a caller could ask.

    Raises:
        ExportError: there is none, or each takes or gives tensors that do not travel.

    Example:
        >>> from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
        >>> check_askable(MetaGraphDef())
        Traceback (most recent call last):
            ...
        kavc.errors.ExportError: no signature that can be asked: expected one with an ...
    """
    if not any(map(is_askable, meta_graph.signature_def.values())):
        raise ExportError(
            "no signature that can be asked: expected one with an output, and all its tensors of "
            "dtypes that travel"
        )


def is_askable(signature: SignatureDef) -> bool:
    """Returns whether a caller can ask a signature: it answers, and all its tensors travel.

    Example:
        >>> from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
        >>> signature = SignatureDef(method_name="tensorflow/serving/predict")
        >>> signature.outputs["match_score"].dtype = 1
        >>> is_askable(signature), is_askable(SignatureDef())
        (True, False)
    """
    from kavc.serving.dtypes import KINDS

    infos = (*signature.inputs.values(), *signature.outputs.values())
    named = bool(signature.method_name)  # has none: __saved_model_init_op
    return named and bool(signature.outputs) and all(info.dtype in KINDS for info in infos)


def _check_tensor(what: str, info: TensorInfo, graph: Body) -> str:
    """Returns the node that gives a tensor of a signature."""
    import tensorflow as tf

    node, _, port = info.name.partition(":")
    if info.WhichOneof("encoding") != "name":
        raise ExportError(f"{what} is no plain tensor")
    if node not in graph.nodes:
        raise ExportError(f"{what}: the graph is damaged: it has no node {quoted(node)}")
    given = output_type(graph.nodes[node], int(port)) if port.isdecimal() else None
    if given is None:
        raise ExportError(f"{what} is {quoted(info.name)}, which node {one_line(node, 200)} lacks")
    if info.dtype != given:
        known = tf.dtypes.as_dtype(given).name
        raise ExportError(f"{what} claims the dtype {info.dtype}; its tensor is {known} ({given})")
    return node
