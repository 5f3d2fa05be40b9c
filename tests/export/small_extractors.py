"""Extractors whose networks are a few numbers, and signatures that give back what they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from kavc.data.schema import Field
from kavc.media.extractors.base import Extractor, Recipe, Weights
from kavc.media.moments import Rate
from kavc.media.sizes import Crop
from kavc.media.windows import Heard, Seen
from kavc.options import option
from kavc.systems.base import Signature

RATE, WIDTH = 4000, 3


@dataclass(frozen=True)
class Ears(Recipe):
    """Some projections of a window of sound."""

    NAME: ClassVar[str] = "ears"
    MODALITY: ClassVar[str] = "audio"
    SUMMARY: ClassVar[str] = "projections of sound"
    SEEN: ClassVar[str] = "never"

    window: int = option(400, "of a test")
    hop: int = option(250, "of a test")
    lead: int = option(0, "of a test")
    short: str = option("drop", "of a test")

    def needs(self) -> Sequence[Weights]:
        return ()

    def takes(self) -> Heard:
        return Heard(RATE, self.window, self.hop, self.lead, self.short)

    def load(self, files: Mapping[str, Path] = {}) -> Extractor:
        return Extractor(self, lambda x: x, _network((self.window,)), files={})


@dataclass(frozen=True)
class Eyes(Recipe):
    """Some projections of a window of frames."""

    NAME: ClassVar[str] = "eyes"
    MODALITY: ClassVar[str] = "visual"
    SUMMARY: ClassVar[str] = "projections of frames"
    SEEN: ClassVar[str] = "never"

    window: int = option(1, "of a test")
    hop: int = option(1, "of a test")
    short: str = option("drop", "of a test")
    rate: float = option(8.0, "of a test")
    flow: str | None = option(None, "of a test")
    shorter: int = option(20, "of a test")
    side: int = option(16, "of a test")

    def needs(self) -> Sequence[Weights]:
        return ()

    def takes(self) -> Seen:
        size = Crop(self.shorter, self.side)
        return Seen(Rate(self.rate), size, self.window, self.hop, self.short, self.flow)

    def load(self, files: Mapping[str, Path] = {}) -> Extractor:
        import tensorflow as tf

        frames = self.window if self.flow is None else self.window - 1
        shape = (frames, self.side, self.side, 3 if self.flow is None else 2)
        return Extractor(self, lambda x: tf.cast(x, tf.float32) / 255, _network(shape), files={})


def _network(shape: tuple[int, ...]) -> keras.Model:
    keras.utils.set_random_seed(len(shape))
    given = keras.Input(shape)
    flat = keras.layers.Flatten()(given)
    return keras.Model(given, {"embedding": keras.layers.Dense(WIDTH, activation="tanh")(flat)})


def rows_of(*arrays: str, mean: bool = False, segments: int | None = None) -> Signature:
    """A signature that gives back the features that it takes: all, their mean, or of segments."""
    shape = (WIDTH,) if mean else (segments, WIDTH)
    inputs = {array: Field(shape, "float32", "rows") for array in arrays}
    if not mean and segments is None:
        inputs |= {f"{array}_length": Field((), "int32", "valid rows") for array in arrays}
    outputs = {f"{name}_back": field for name, field in inputs.items()}

    def back(**given: Any) -> dict[str, Any]:
        import tensorflow as tf

        return {f"{name}_back": tf.identity(value) for name, value in given.items()}

    return Signature(back, inputs, outputs, "Gives back what it takes.")


def answers(signature: Signature, **given: Any) -> dict[str, np.ndarray]:
    """What a signature answers in graph, of inputs whose shapes the graph doesn't know."""
    import tensorflow as tf

    specs = {
        name: tf.TensorSpec((None, *field.shape), field.dtype)
        for name, field in signature.inputs.items()
    }
    kept = _GRAPHS.setdefault(
        id(signature), (signature, tf.function(lambda given: signature.function(**given), [specs]))
    )
    tensors = {name: tf.constant(given[name], specs[name].dtype) for name in specs}
    return {name: value.numpy() for name, value in kept[1](tensors).items()}


_GRAPHS: dict[int, Any] = {}
