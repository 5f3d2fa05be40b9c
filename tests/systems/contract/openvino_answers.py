"""Run by the Python of another environment, with OpenVINO and NumPy alone: what it answers.

    openvino_answers.py VERSION_FOLDER INPUTS OUTPUTS

INPUTS has request.npz files, of which each gets one of the same name in OUTPUTS.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main(version_folder: str, inputs: str, outputs: str) -> None:
    # Here alone: doctests import this file where there is no OpenVINO.
    import openvino

    core = openvino.Core()
    model = core.read_model(version_folder)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names = [output.get_any_name() for output in model.outputs]
    for request in sorted(Path(inputs).glob("*.npz")):
        with np.load(request) as arrays:
            answers = compiled(dict(arrays))
        found = {name: answers[compiled.output(name)] for name in names}
        np.savez(Path(outputs) / request.name, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
