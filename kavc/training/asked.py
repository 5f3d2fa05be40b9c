"""What a finished run can be asked, kept beside it, so that a mistake waits for no network.

The network says it itself, which takes seconds of loading TensorFlow. A file that isn't there, is
damaged, or was written by another version of kavc says nothing, and the network is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kavc import __version__
from kavc.errors import KavcError
from kavc.files import write_json
from kavc.inputs.json_files import read_json
from kavc.serving.signature import SignatureInfo, TensorInfo
from kavc.training.run import Run

FILE = "signatures.json"


def keep(run: Run) -> None:
    """Writes what a finished run can be asked; nothing for a variant that is not served."""
    try:
        found = run.signatures
    except KavcError:
        return
    written = {name: info.to_json() for name, info in found.items()}
    write_json(run.path / FILE, {"kavc": __version__, "signatures": written})


def told(folder: Path) -> dict[str, SignatureInfo] | None:
    """Returns signature name to what it takes and gives, as a run folder says it; None if it can't.

    Args:
        folder: of a run.

    Example:
        >>> told(Path("no such run")) is None
        True
    """
    if not (folder / FILE).is_file():
        return None
    try:
        content: Any = read_json(folder / FILE)
        if content["kavc"] != __version__:
            return None
        return {name: _signature(node) for name, node in content["signatures"].items()}
    except (KavcError, OSError, AttributeError, KeyError, TypeError):
        return None


def _signature(node: Any) -> SignatureInfo:
    return SignatureInfo(_tensors(node["inputs"]), _tensors(node["outputs"]))


def _tensors(node: Mapping[str, Any]) -> dict[str, TensorInfo]:
    return {name: _tensor(each["dtype"], each["shape"]) for name, each in node.items()}


def _tensor(dtype: Any, shape: Any) -> TensorInfo:
    """Raises TypeError unless both are of their kinds."""
    if not isinstance(dtype, str) or not all(isinstance(size, int | None) for size in shape):
        raise TypeError
    return TensorInfo(dtype, tuple(shape))
