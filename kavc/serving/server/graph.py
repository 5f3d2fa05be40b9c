"""A SavedModel, loaded and called as TensorFlow Serving does: by a session over its stored graph.

The eager loader builds Python functions, which holds the interpreter for most of the load; requests
that are answered meanwhile would wait for it. A session restores and runs outside it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from kavc.errors import DataError, ExportError, ServingError
from kavc.serving.inspection import inspect
from kavc.serving.inspection.file_ops import init_ops
from kavc.serving.inspection.signatures import is_askable
from kavc.serving.inspection.version_files import VARIABLES
from kavc.serving.protos import SignatureDef
from kavc.serving.signature import SignatureInfo, read_signature
from kavc.texts import one_line

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

    The graph is read once: what was checked is what is run. It is brought into a session as
    TensorFlow Serving's loader does, by the op that restores and the op that initialises; of
    TensorFlow's own in Python, which reads the file again, nothing is used.

    Args:
        folder: the SavedModel.
        allow_ops: names of ops that it may hold beside those that are known as harmless.
        opened: is given a function that ends whatever the graph is at, from when on it can be: an
            op of its loading may never end.

    Attributes:
        definitions: signature name to `SignatureDef`, as the file has them.
        signatures: name of each function that can be called to what it takes and gives.

    Raises:
        ServingError: the folder can't be loaded, or its graph holds an op that is refused.

    Reference:
        TensorFlow, `cc/saved_model/loader.cc`.

    Example:
        graph = ServedGraph("models/ti-avc/3")
        graph.signatures["serving_default"]
        graph("serving_default", inputs)["match_score"]
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        *,
        allow_ops: Collection[str] = (),
        opened: Callable[[Callable[[], None]], None] = lambda end: None,
    ):
        folder = Path(folder)
        try:
            checked = inspect(folder, allow_ops=allow_ops).serving
            self.definitions: dict[str, SignatureDef] = dict(checked.signature_def)
            self.signatures: dict[str, SignatureInfo] = {
                key: read_signature(definition)
                for key, definition in self.definitions.items()
                if is_askable(definition)
            }
        except (ExportError, DataError) as error:
            raise ServingError(f"{folder} is refused: {error}") from error
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=self._graph, config=CONFIG)
        self._lock, self._compiling = threading.Lock(), threading.Lock()
        self._running = 0
        opened(self.close)
        try:
            self._load(folder, checked)
            # One way to call each proves that it can be; the other one is made when it is needed.
            self._functions = {(key, CALLERS_THREAD): self._compiled(key, CALLERS_THREAD)
                               for key in self.signatures}  # fmt: skip
        except Exception as error:  # graphs are wrong in more ways than TensorFlow documents
            self.close()
            raise ServingError(f"{folder} can't be loaded: {told(error)}") from error

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
        """Frees what the graph holds; a call that is running ends with an error."""
        self._session.close()

    def _load(self, folder: Path, checked: MetaGraphDef) -> None:
        """Restores the variables, then initialises, with the paths of files fed to both."""
        with self._graph.as_default():
            tf.graph_util.import_graph_def(checked.graph_def, name="")
        files = {
            asset.tensor_info.name: os.fspath(folder / "assets" / asset.filename)
            for asset in checked.asset_file_def
        }
        saver = checked.saver_def
        if saver.restore_op_name:
            prefix = {saver.filename_tensor_name: os.fspath(folder / VARIABLES)}
            self._run(saver.restore_op_name, files | prefix)
        for initialiser in init_ops(checked)[:1]:  # of TensorFlow 2, else of 1
            self._run(initialiser, files)

    def _run(self, name: str, feeds: Mapping[str, str]) -> None:
        operation = self._graph.as_graph_element(name.partition(":")[0])
        self._session.run(operation, dict(feeds))

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
    """Returns what the op said, without the stack of the program that built the graph.

    >>> graph_message(tf.errors.InvalidArgumentError(None, None, "audio: holds NaN"))
    'audio: holds NaN'
    """
    lines = [line for line in (error.message or "").splitlines() if line.strip()]
    told = [line.strip() for line in lines if not NOISE.match(line)]
    return ROOT.sub("", told[0]) if told else type(error).__name__


def told(error: BaseException) -> str:
    """Returns what an error says, in one line: of an op's what the op said.

    Example:
        >>> told(tf.errors.InvalidArgumentError(None, None, "audio: holds NaN")), told(KeyError())
        ('audio: holds NaN', 'KeyError')
    """
    if isinstance(error, tf.errors.OpError):
        return one_line(graph_message(error))
    return one_line(str(error).strip() or type(error).__name__)
