"""Run by a process that has JAX for Keras' backend: `on_jax.py FOLDER MODULE...`.

FOLDER has networks, `NAME.keras`, and inputs, `NAME.npz`; it gets `NAME-answers.npz`. The modules
hold the networks' classes.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import keras
import numpy as np
from contract.inputs import answers


def main(folder: Path, modules: list[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    if keras.backend.backend() != "jax":
        raise SystemExit(f"Keras' backend is {keras.backend.backend()}")
    for file in folder.glob("*.keras"):
        network = keras.models.load_model(file, compile=False)
        with np.load(file.with_suffix(".npz")) as inputs:
            found = answers(network, dict(inputs))
        np.savez(folder / f"{file.stem}-answers.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
