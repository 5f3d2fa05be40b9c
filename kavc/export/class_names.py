"""The signature by which an export says what its classes are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.serving.classes import CLASS_NAMES, REQUEST, over_classes
from kavc.systems.base import Signature


def class_signature(
    classes: Sequence[str], signatures: Mapping[str, Signature]
) -> dict[str, Signature]:
    """Returns "class_names", where an answer of other signatures is over the classes.

    Args:
        classes: names by number.
        signatures: of the network.

    Example:
        >>> shown = Field((2,), "float32", "probability of each class")
        >>> scores = Signature(lambda x: {}, {}, {"event_probabilities": shown}, "Scores.")
        >>> list(class_signature(["dog", "cat"], {"serving_default": scores}))
        ['class_names']
        >>> class_signature(["dog", "cat", "fox"], {"serving_default": scores})
        {}
    """
    outputs = [
        (name, (None, *field.shape))
        for signature in signatures.values()
        for name, field in signature.outputs.items()
    ]
    if not any(over_classes(name, shape, len(classes)) for name, shape in outputs):
        return {}

    def answer(request: tf.Tensor) -> dict[str, tf.Tensor]:
        return {CLASS_NAMES: tf.tile(tf.constant([list(classes)]), [tf.shape(request)[0], 1])}

    return {
        CLASS_NAMES: Signature(
            answer,
            {REQUEST: Field((), "int32", "any number")},
            {CLASS_NAMES: Field((len(classes),), "string", "by number, the same in each row")},
            "What the classes are called that probabilities are of.",
            {REQUEST: np.zeros(1, np.int32)},
        )
    }
