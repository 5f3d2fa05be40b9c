"""A SavedModel, loaded and called as TensorFlow Serving does: by a session over its stored graph.

The eager loader builds Python functions, which holds the interpreter for most of the load; requests
that are answered meanwhile would wait for it. A session restores and runs outside it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions
from tensorflow.python.saved_model.loader_impl import SavedModelLoader

from kavc.errors import ExportError, ServingError
from kavc.serving.inspection.stock_ops import refuse_foreign_ops
from kavc.serving.inspection.version_files import read_saved_model
from kavc.serving.protos import SignatureDef
from kavc.serving.signature import SignatureInfo, read_signature

# Where a run's ops are started from. The shared pool spreads a large request over the cores; one
# that is small, or comes while others run, is answered sooner in its own thread.
SHARED_POOL, CALLERS_THREAD = 0, -1
LARGE = 2**20  # bytes of input; on two cores 0.4 MB gained from its own thread, 3 MB from the pool
# Idle threads of the pools would spin for a while, on cores that are needed to read requests.
CONFIG = tf.compat.v1.ConfigProto()
CONFIG.experimental.disable_thread_spinning = True

# Of a graph's error, all but what the failing op said; the first op's, where several failed.
ROOT = re.compile(r"\(0\) \w+:\s+")
NOISE = re.compile(
    r"Graph execution error|Detected at node|<stack traces|\d+ root error|\s+(?!\(0\))\S"
)


class ServedGraph:
    """The functions of one SavedModel. Calls may come from many threads.

    Args:
        folder: the SavedModel.

    Attributes:
        definitions: signature name to `SignatureDef`, as the file has them.
        signatures: name of each function that can be called to what it takes and gives.

    Raises:
        ServingError: the folder can't be loaded, or its graph holds an op that is refused.
    """

    def __init__(self, folder: str | os.PathLike):
        folder = Path(folder)
        try:
            refuse_foreign_ops(folder)
            self.definitions = _definitions(folder)
        except ExportError as error:
            raise ServingError(f"{folder} is refused: {error}") from error
        self.signatures: dict[str, SignatureInfo] = {
            key: read_signature(definition)
            for key, definition in self.definitions.items()
            if definition.method_name  # has none: __saved_model_init_op
        }
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=self._graph, config=CONFIG)
        self._lock, self._compiling = threading.Lock(), threading.Lock()
        self._running = 0
        try:
            # `tf.compat.v1.saved_model.load`, its public face, warns that it is deprecated.
            with self._graph.as_default():
                loader = SavedModelLoader(os.fspath(folder))
                loader.load(self._session, [tf.saved_model.SERVING])
            # One way to call each proves that it can be; the other one is made when it is needed.
            self._functions = {(key, CALLERS_THREAD): self._compiled(key, CALLERS_THREAD)
                               for key in self.signatures}  # fmt: skip
        except Exception as error:  # the loader lets anything through
            self.close()
            raise ServingError(f"{folder} can't be loaded: {first_line(error)}") from error

    def __call__(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs one function.

        Args:
            signature: its name.
            inputs: name to array, of the dtypes and shapes that the signature says.

        Returns:
            Output name to array.

        Raises:
            tf.errors.OpError: the graph refuses the values.
        """
        large = sum(array.nbytes for array in inputs.values()) >= LARGE
        with self._lock:
            self._running += 1
            pool = SHARED_POOL if large and self._running == 1 else CALLERS_THREAD
        info = self.signatures[signature]
        try:
            outputs = self._function(signature, pool)(*(inputs[name] for name in info.inputs))
        finally:
            with self._lock:
                self._running -= 1
        return dict(zip(info.outputs, outputs, strict=True))

    def warm_up(self, signature: str, inputs: Mapping[str, np.ndarray]) -> None:
        """Runs one function in each of the ways that it may be called, since first calls are slow.

        Raises:
            tf.errors.OpError: the graph refuses the values.
        """
        for pool in (SHARED_POOL, CALLERS_THREAD):
            function = self._function(signature, pool)
            function(*(inputs[name] for name in self.signatures[signature].inputs))

    def close(self) -> None:
        """Frees what the graph holds; no call may be running."""
        self._session.close()

    def _function(self, key: str, pool: int) -> Callable[..., list[np.ndarray]]:
        if (key, pool) not in self._functions:
            with self._compiling:
                if (key, pool) not in self._functions:
                    self._functions[key, pool] = self._compiled(key, pool)
        return self._functions[key, pool]

    def _compiled(self, key: str, pool: int) -> Callable[..., list[np.ndarray]]:
        definition = self.definitions[key]
        options = CallableOptions(
            feed=[definition.inputs[name].name for name in self.signatures[key].inputs],
            fetch=[definition.outputs[name].name for name in self.signatures[key].outputs],
        )
        options.run_options.inter_op_thread_pool = pool
        # `make_callable`, its public face, takes no run options.
        return self._session._make_callable_from_options(options)


def graph_message(error: tf.errors.OpError) -> str:
    """Returns what the op said, without the stack of the program that built the graph."""
    lines = [line for line in (error.message or "").splitlines() if line.strip()]
    told = [line.strip() for line in lines if not NOISE.match(line)]
    return ROOT.sub("", told[0]) if told else type(error).__name__


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, or its kind if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _definitions(folder: Path) -> dict[str, SignatureDef]:
    for meta_graph in read_saved_model(folder).meta_graphs:
        if tf.saved_model.SERVING in meta_graph.meta_info_def.tags:
            return dict(meta_graph.signature_def)
    raise ExportError(f"no graph has the tag {tf.saved_model.SERVING!r}")
