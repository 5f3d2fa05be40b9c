"""What a run answers, in this process: as its export would, and a server with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import ConfigError, DataError, unknown
from kavc.serving.arrays import NO_FLOATS, is_no_float
from kavc.serving.signature import SignatureInfo, TensorInfo
from kavc.systems.base import Signature

SHOWN = 300  # characters of what a graph said


class Answers:
    """Functions of a network, asked as a server is asked; `Run.answers` makes it.

    Args:
        functions: name to signature, as `kavc.systems.base.System.signatures` gives them.
        where: names what has them, in messages.

    Attributes:
        signatures: name to what it takes and gives, with a batch axis in front.

    Example:
        >>> from kavc.data.schema import Field
        >>> vector = Field((2,), "float32", "a vector")
        >>> double = Signature(lambda x: {"y": 2 * x}, {"x": vector}, {"y": vector}, "Doubles.")
        >>> answers = Answers({"double": double}, "runs/a")
        >>> answers.predict("double", {"x": [[0.5, 1.5]]})["y"].tolist()
        [[1.0, 3.0]]
        >>> answers.info("duoble")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: runs/a: unknown signature 'duoble'; did you mean ...
    """

    def __init__(self, functions: Mapping[str, Signature], where: object):
        self._functions, self._where = functions, where
        self._graphs: dict[str, Any] = {}
        self.signatures = {
            name: SignatureInfo(
                *(
                    {key: TensorInfo(f.dtype, (None, *f.shape)) for key, f in fields.items()}
                    for fields in (signature.inputs, signature.outputs)
                )
            )
            for name, signature in functions.items()
        }

    def info(self, signature: str) -> SignatureInfo:
        """Returns what a signature takes and gives.

        Raises:
            ConfigError: there is none of this name.
        """
        if signature not in self.signatures:
            raise ConfigError(f"{self._where}: {unknown('signature', signature, self.signatures)}")
        return self.signatures[signature]

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns the answers to some inputs, as a server's.

        Args:
            signature: its name.
            inputs: name to array or nested lists, each with a batch in front. A NAME_length that
                is missing is that of the whole sequences.

        Raises:
            ConfigError: there is no such signature.
            DataError: the inputs don't fit, or the graph refuses them.
        """
        import tensorflow as tf

        from kavc.serving.client.cast import cast_all

        fitting = cast_all(inputs, self.info(signature))
        given = {name: tf.constant(value) for name, value in fitting.items()}
        try:
            if signature not in self._graphs:  # traced for one shape, then for all
                function = self._functions[signature].function
                self._graphs[signature] = tf.function(function, reduce_retracing=True)
            answers = self._graphs[signature](**given)
        except tf.errors.InvalidArgumentError as error:
            told = _reason(error.message or "")[:SHOWN]
            raise DataError(f"signature {signature!r} refuses its inputs: {told}") from None
        return {name: np.asarray(value) for name, value in answers.items()}


def rows_of(name: str, given: ArrayLike, width: int) -> np.ndarray:
    """Returns features that are to be embedded, a row an item, checked.

    >>> rows_of("audio", [[0.5, 1.0]], 2).dtype
    dtype('float32')

    Args:
        name: of the array.
        given: `(n, width)` floats, n at least 1. Lists may hold small whole numbers, as
            `kavc.serving.arrays.is_no_float` has it.
        width: what the network takes.

    Returns:
        `(n, width) float32`.

    Raises:
        DataError: another shape, whole numbers as quantised features are, no row, or values that
            are not finite.
    """
    try:
        features = np.asarray(given)
    except ValueError:
        raise DataError(f"{name}: got a ragged list; expected numbers (n, {width})") from None
    what = f"{features.dtype} {features.shape}"
    if features.ndim != 2 or features.shape[1] != width or features.dtype.kind not in "biuf":
        cure = f"; a single item is (1, {width})" if features.shape == (width,) else ""
        raise DataError(
            f"{name}: expected numbers (n, {width}), as the network reads them; got {what}{cure}"
        )
    if is_no_float(given):
        raise DataError(f"{name}: got {what}; expected {NO_FLOATS}")
    with np.errstate(over="ignore"):
        features = features.astype(np.float32)
    if not len(features) or not np.isfinite(features).all():
        raise DataError(f"{name}: holds no row, or values that are not finite")
    return features


def _reason(message: str) -> str:
    """Returns what an op said, without the program that built the graph, which stands before it."""
    lines = [line.strip() for line in message.splitlines()]
    told = [
        line for line in lines if line and not line.startswith(("[[", "(", "File ", "Detected"))
    ]
    words = re.sub(r"\s*(\[\[.*|\[Op:\w+\])$", "", told[-1]) if told else ""
    return words.removeprefix("assertion failed: ") or "no reason is told"
