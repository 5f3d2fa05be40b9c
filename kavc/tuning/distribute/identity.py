"""Whether a worker makes of a sweep what its chief makes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import keras_tuner

from kavc.training.run import versions


def packages() -> dict[str, str]:
    """Returns the versions in which chief and workers must agree: not Python's own."""
    found = versions() | {"keras-tuner": keras_tuner.__version__}
    del found["python"]
    return found


def identity_of(described: Mapping[str, Any]) -> str:
    """Returns what tells a sweep from others: a hash of its description."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def difference(
    described: Mapping[str, Any], identity: str, theirs: Mapping[str, Any], fingerprint: str
) -> str | None:
    """Returns in what a worker differs, in words, or None.

    Args:
        described: the chief's sweep.
        identity: of the sweep that the worker works for.
        theirs: its packages.
        fingerprint: of its data.
    """
    if identity != identity_of(described):
        return "it works for another sweep, which was led from here before"
    for package, ours in packages().items():
        if theirs.get(package) != ours:
            return f"it has {package} {str(theirs.get(package))[:40]}, and here is {ours}"
    if fingerprint != described["data"]["fingerprint"]:
        return "its data are not those of the sweep; point --data at the same"
    return None
