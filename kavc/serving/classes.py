"""Names of the classes that answers are over: where a served model says them, and the best few.

A signature "class_names" gives them in the order of their numbers, a row for each request, so that
no other answer has to carry them. Probabilities are told by their names and shapes: a model has no
other way to say which of its outputs are over its classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from kavc.serving.client.blocking import Client
    from kavc.serving.signature import TensorInfo

CLASS_NAMES = "class_names"  # the signature, and its output
REQUEST = "request"  # its input: any number
ENDINGS = ("probability", "probabilities")
BEST = 3  # classes that are told of one answer


def over_classes(name: str, shape: Sequence[int | None] | None, classes: int) -> bool:
    """Returns whether an output is a probability of each class.

    >>> over_classes("theme_probabilities", (None, 12), 12), over_classes("logits", (None, 12), 12)
    (True, False)

    Args:
        name: of the output.
        shape: with the batch in front.
        classes: how many there are.
    """
    if not classes or shape is None or len(shape) < 2:
        return False
    return name.endswith(ENDINGS) and shape[-1] == classes


def names_at(client: Client, model: str, version: int | None = None) -> list[str]:
    """Asks a served model for the names of its classes.

    Args:
        client: of the server.
        model: its name there.
        version: latest by default.

    Returns:
        The names by number; none where the model doesn't say them.

    Example:
        with Client("127.0.0.1:8500") as client:
            print(names_at(client, "ti-avc"))
    """
    says = client.signatures(model, version).get(CLASS_NAMES)
    if says is None or set(says.inputs) != {REQUEST} or not _is_names(says.outputs):
        return []
    request = {REQUEST: np.zeros(1, np.int32)}
    answer = client.predict(model, request, signature=CLASS_NAMES, version=version)
    return [word.decode(errors="backslashreplace") for word in answer[CLASS_NAMES][0]]


def _is_names(outputs: Mapping[str, TensorInfo]) -> bool:
    found = outputs.get(CLASS_NAMES)
    return found is not None and found.dtype == "string" and len(found.shape or ()) == 2


def best(values: Any, names: Sequence[str], few: int = BEST) -> list[tuple[str, float]]:
    """Returns the classes with the highest probabilities, the highest first.

    >>> best([0.1, 0.7, 0.2], ["cat", "dog", "fox"], 2)
    [('dog', 0.7), ('fox', 0.2)]

    Args:
        values: `(classes,)`.
        names: of the classes.
        few: how many.
    """
    array = np.asarray(values)
    order = np.argsort(-array, kind="stable")[:few]
    return [(names[at], float(array[at])) for at in order]
