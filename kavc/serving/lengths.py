"""Lengths of sequences that a caller leaves out: every step is valid then.

Beside an input NAME whose second axis is steps, a signature takes NAME_length, (batch,), how many
of them are valid. Whoever sends sequences of one length needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kavc.errors import DataError
from kavc.serving.signature import SignatureInfo
from kavc.texts import quoted

LENGTH = "_length"


def with_lengths(inputs: Mapping[str, Any], info: SignatureInfo) -> dict[str, Any]:
    """Returns inputs with the lengths that are missing: those of the whole sequences.

    >>> from kavc.serving.signature import TensorInfo
    >>> audio = TensorInfo("float32", (None, None, 128))
    >>> info = SignatureInfo({"audio": audio, "audio_length": TensorInfo("int32", (None,))}, {})
    >>> with_lengths({"audio": np.zeros((2, 31, 128))}, info)["audio_length"].tolist()
    [31, 31]

    Args:
        inputs: name to array or nested lists, each with a batch in front.
        info: what the signature takes.

    Returns:
        The inputs, and `(batch,) int32` for each NAME_length that the signature takes beside a
        NAME that was given.

    Raises:
        DataError: a sequence whose length is missing is a ragged list.
    """
    found = dict(inputs)
    for name in info.inputs:
        sequence = name.removesuffix(LENGTH)
        if name in inputs or sequence == name or sequence not in inputs:
            continue
        shape = _shape(sequence, inputs[sequence])
        if len(shape) > 1:  # else its own check says what it is to be
            found[name] = np.full(shape[0], shape[1], np.int32)
    return found


def _shape(name: str, value: Any) -> tuple[int, ...]:
    try:
        return np.shape(value)
    except ValueError:
        raise DataError(
            f"input {quoted(name)} is a ragged list; fill its sequences up to one length, and give "
            f"how many steps of each are valid as {quoted(name + LENGTH)}"
        ) from None
