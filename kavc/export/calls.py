"""What is typed to train a network again, and to ask one: for its card. It names no path."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from kavc.data.schema import Field
from kavc.export.example import EXAMPLE
from kavc.export.portable import file_name, source_name, without_paths
from kavc.serving.lengths import LENGTH
from kavc.systems.base import Signature
from kavc.training.made import changes
from kavc.training.run import PRESET, Run

DEFAULT = "serving_default"
STEPS = 4  # rows of an example where any number will do


def training_command(run: Run) -> str:
    """Returns the command that trains a run again, with names for paths."""
    settings, splits = run.settings, run.data["splits"]
    words = ["kavc", "train", settings.system, "--data", source_name(run.data["source"])]
    words += ["--splits", file_name(splits)] if isinstance(splits, str) else []
    words += ["--preset", settings.preset, "--seed", str(settings.seed)]
    for name, value in changes(run).items():
        words += ["--set", f"{name}={without_paths(str(value))}"]
    return shlex.join([*words, "--out", "RUN"])


def of_export(name: str, version: int) -> dict[str, str]:
    """Returns how to ask an export with the request that it brings: by the command, in Python.

    Example:
        >>> print(of_export("ti-avc", 3)["sh"].splitlines()[1])
        kavc predict --server localhost:8500 --model ti-avc --input MODELS/ti-avc/3/...
    """
    request = f"MODELS/{name}/{version}/{EXAMPLE}"
    return {
        "sh": (
            "kavc serve MODELS  # the folder that this model lies in\n"
            f"kavc predict --server localhost:8500 --model {name} --input {request}"
        ),
        "python": (
            "import numpy as np\n"
            "from kavc.serving.client import Client\n\n"
            f'request = dict(np.load("{request}"))\n'
            'with Client("localhost:8500") as client:\n'
            f'    answers = client.predict("{name}", request)'
        ),
    }


def of_preset(name: str, signatures: Mapping[str, Signature]) -> dict[str, str]:
    """Returns how to ask a network that ships: by the command, and in Python with zeros.

    Lengths are left out, since those of whole sequences are filled in.
    """
    inputs = signatures[DEFAULT].inputs.items()
    given = {each: _zeros(field) for each, field in inputs if not each.endswith(LENGTH)}
    arguments = ", ".join(f"{each}={zeros}" for each, zeros in given.items())
    return {
        "sh": f"kavc predict {PRESET}{name} --input request.npz  # an array for each input",
        "python": (
            "import kavc\nimport numpy as np\n\n"
            f'network = kavc.from_preset("{name}")\n'
            f"answers = network.predict({arguments})"
        ),
    }


def _zeros(field: Field) -> str:
    shape = (1, *(STEPS if size is None else size for size in field.shape))
    if field.dtype == "string":
        return f'np.full({shape}, "text")'
    return f'np.zeros({shape}, "{field.dtype}")'
