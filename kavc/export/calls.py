"""What is typed to train a network again, and to ask one: for its card. It names no path."""

from __future__ import annotations

import os
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
SERVER = "localhost:8500"
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


def serving(models_dir: str | os.PathLike, name: str, version: int) -> tuple[list[str], list[str]]:
    """Returns the words that serve a folder of models, and that ask one for a try.

    Example:
        >>> serve, ask = serving("models", "ti-avc", 3)
        >>> shlex.join(serve), ask[-1]
        ('kavc serve models', 'models/ti-avc/3/assets.extra/example_request.npz')
    """
    request = os.path.join(models_dir, name, str(version), EXAMPLE)
    ask = ["kavc", "predict", "--server", SERVER, "--model", name, "--input", request]
    return ["kavc", "serve", os.fspath(models_dir)], ask


def of_export(name: str, version: int) -> dict[str, str]:
    """Returns how to ask an export with the request that it brings: by the command, in Python.

    Example:
        >>> print(of_export("ti-avc", 3)["sh"].splitlines()[1])
        kavc predict --server localhost:8500 --model ti-avc --input MODELS/ti-avc/3/...
    """
    serve, ask = serving("MODELS", name, version)
    return {
        "sh": f"{shlex.join(serve)}  # the folder that this model lies in\n{shlex.join(ask)}",
        "python": (
            "import numpy as np\n"
            "from kavc.serving.client import Client\n\n"
            f'request = dict(np.load("{ask[-1]}"))\n'
            f'with Client("{SERVER}") as client:\n'
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
