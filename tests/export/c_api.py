"""Runs a SavedModel by TensorFlow's C library alone: no Python TensorFlow in the process.

This is the way in which TensorFlow Serving loads a model. As a program it takes a folder that holds
`task.json`, {"model": path, "feeds": {name: tensor}, "fetches": {name: tensor}}, and `feeds.npz`,
and writes `fetches.npz` beside them.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np

DTYPES = {1: np.float32, 3: np.int32}  # TF_FLOAT, TF_INT32
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
POINTER = ctypes.c_void_p


class Output(ctypes.Structure):
    _fields_ = [("operation", POINTER), ("index", ctypes.c_int)]


def library() -> ctypes.CDLL:
    folder = Path(importlib.util.find_spec("tensorflow").origin).parent
    ctypes.CDLL(str(folder / "libtensorflow_framework.so.2"), mode=ctypes.RTLD_GLOBAL)
    tf = ctypes.CDLL(str(folder / "libtensorflow_cc.so.2"))
    for name in (
        "TF_NewStatus",
        "TF_NewSessionOptions",
        "TF_NewGraph",
        "TF_LoadSessionFromSavedModel",
        "TF_GraphOperationByName",
        "TF_AllocateTensor",
        "TF_TensorData",
    ):
        getattr(tf, name).restype = POINTER
    tf.TF_Message.restype = ctypes.c_char_p
    tf.TF_Dim.restype = ctypes.c_int64
    return tf


class Session:
    def __init__(self, folder: str):
        self.tf = library()
        self.status = POINTER(self.tf.TF_NewStatus())
        self.graph = POINTER(self.tf.TF_NewGraph())
        tags = (ctypes.c_char_p * 1)(b"serve")
        options = POINTER(self.tf.TF_NewSessionOptions())
        self.session = POINTER(
            self.tf.TF_LoadSessionFromSavedModel(
                options, None, folder.encode(), tags, 1, self.graph, None, self.status
            )
        )
        self.check()

    def check(self) -> None:
        if self.tf.TF_GetCode(self.status):
            raise RuntimeError(self.tf.TF_Message(self.status).decode())

    def output(self, tensor: str) -> Output:
        name, _, index = tensor.partition(":")
        operation = self.tf.TF_GraphOperationByName(self.graph, name.encode())
        if not operation:
            raise KeyError(name)
        return Output(operation, int(index or 0))

    def tensor(self, array: np.ndarray) -> POINTER:
        array = np.ascontiguousarray(array)
        dims = (ctypes.c_int64 * array.ndim)(*array.shape)
        size = ctypes.c_size_t(array.nbytes)
        made = POINTER(self.tf.TF_AllocateTensor(CODES[array.dtype], dims, array.ndim, size))
        ctypes.memmove(self.tf.TF_TensorData(made), array.ctypes.data, array.nbytes)
        return made

    def array(self, tensor: POINTER) -> np.ndarray:
        shape = [self.tf.TF_Dim(tensor, i) for i in range(self.tf.TF_NumDims(tensor))]
        array = np.empty(shape, DTYPES[self.tf.TF_TensorType(tensor)])
        ctypes.memmove(array.ctypes.data, self.tf.TF_TensorData(tensor), array.nbytes)
        return array

    def run(self, feeds: dict[str, np.ndarray], fetches: list[str]) -> list[np.ndarray]:
        inputs = (Output * len(feeds))(*map(self.output, feeds))
        values = (POINTER * len(feeds))(*map(self.tensor, feeds.values()))
        outputs = (Output * len(fetches))(*map(self.output, fetches))
        results = (POINTER * len(fetches))()
        self.tf.TF_SessionRun(
            self.session, None,
            inputs, values, len(feeds),
            outputs, results, len(fetches),
            None, 0, None, self.status,
        )  # fmt: skip
        self.check()
        return [self.array(POINTER(result)) for result in results]


def main(folder: Path) -> None:
    task = json.loads((folder / "task.json").read_text())
    with np.load(folder / "feeds.npz") as arrays:
        feeds = {task["feeds"][name]: arrays[name] for name in arrays.files}
    answers = Session(task["model"]).run(feeds, list(task["fetches"].values()))
    np.savez(folder / "fetches.npz", **dict(zip(task["fetches"], answers, strict=True)))
    loaded = {"tensorflow", "keras"} & set(sys.modules)
    if loaded:
        raise SystemExit(f"Python modules in the process: {loaded}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
