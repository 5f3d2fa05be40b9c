"""What a run answers, in this process: as its export would, and a server with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kavc.errors import ConfigError, DataError, unknown
from kavc.serving.signature import SignatureInfo, TensorInfo
from kavc.training.run import Run

SHOWN = 300  # characters of what a graph said


class RunAnswers:
    """The signatures of a run's network.

    Args:
        run: a finished run.

    Attributes:
        signatures: name to what it takes and gives, with a batch axis in front.

    Raises:
        ConfigError: training has not ended.

    Example:
        RunAnswers(Run("runs/a")).predict("serving_default", load_inputs("request.npz"))
    """

    def __init__(self, run: Run):
        run.check_finished()
        self.run = run
        classes = tuple(run.data["classes"])
        self._found = run.system.signatures(run.network, run.config, {"classes": classes})
        self._graphs: dict[str, Any] = {}
        self.signatures = {
            name: SignatureInfo(
                *(
                    {key: TensorInfo(f.dtype, (None, *f.shape)) for key, f in fields.items()}
                    for fields in (signature.inputs, signature.outputs)
                )
            )
            for name, signature in self._found.items()
        }

    def info(self, signature: str) -> SignatureInfo:
        """Returns what a signature takes and gives.

        Raises:
            ConfigError: there is none of this name.
        """
        if signature not in self.signatures:
            raise ConfigError(f"{self.run.path}: {unknown('signature', signature, self._found)}")
        return self.signatures[signature]

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns the answers to some inputs, as a server's.

        Args:
            signature: its name.
            inputs: name to array or nested lists, each with a batch in front.

        Raises:
            ConfigError: there is no such signature.
            DataError: the inputs don't fit, or the graph refuses them.
        """
        import tensorflow as tf

        from kavc.serving.client.cast import cast

        info = self.info(signature)
        info.check_names(inputs)
        given = {
            name: tf.constant(cast(value, info.inputs[name], name))
            for name, value in inputs.items()
        }
        try:
            if signature not in self._graphs:  # traced for one shape, then for all
                function = self._found[signature].function
                self._graphs[signature] = tf.function(function, reduce_retracing=True)
            answers = self._graphs[signature](**given)
        except tf.errors.InvalidArgumentError as error:
            told = _reason(error.message or "")[:SHOWN]
            raise DataError(f"signature {signature!r} refuses its inputs: {told}") from None
        return {name: np.asarray(value) for name, value in answers.items()}


def _reason(message: str) -> str:
    """Returns what an op said, without the program that built the graph, which stands before it."""
    lines = [line.strip() for line in message.splitlines()]
    told = [
        line for line in lines if line and not line.startswith(("[[", "(", "File ", "Detected"))
    ]
    words = re.sub(r"\s*(\[\[.*|\[Op:\w+\])$", "", told[-1]) if told else ""
    return words.removeprefix("assertion failed: ") or "no reason is told"
