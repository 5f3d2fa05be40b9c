"""Two extractors whose networks are a layer each: what they need is a file of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from kavc.media.extractors.base import Extractor, Recipe, Weights
from kavc.media.moments import parse_moments
from kavc.media.sizes import Exactly
from kavc.media.windows import Heard, Seen
from kavc.options import option

RATE, WINDOW, SIDE = 8000, 4000, 8
WIDTHS = {"small-sound": 3, "small-frames": 5}


@dataclass(frozen=True)
class SmallSound(Recipe):
    NAME: ClassVar[str] = "small-sound"
    MODALITY: ClassVar[str] = "audio"
    SUMMARY: ClassVar[str] = "3 numbers for each half second"
    SEEN: ClassVar[str] = "with what the tests made"

    hop: float = option(0.5, "seconds from row to row", low=0.01, high=60)
    short: str = option("drop", "what becomes of the rest", choices=("drop", "pad"))

    def needs(self) -> Sequence[Weights]:
        return (Weights(self.NAME, ("small-sound.npz",), "nowhere"),)

    def takes(self) -> Heard:
        return Heard(RATE, WINDOW, round(self.hop * RATE), short=self.short)

    def load(self, files: Mapping[str, Path]) -> Extractor:
        return _extractor(self, WINDOW, lambda values: values, files)


@dataclass(frozen=True)
class SmallFrames(Recipe):
    NAME: ClassVar[str] = "small-frames"
    MODALITY: ClassVar[str] = "visual"
    SUMMARY: ClassVar[str] = "5 numbers a frame"
    SEEN: ClassVar[str] = "with what the tests made"

    frames: str = option("rate:2", "when")
    scale: float = option(1.0, "of the pixels, which windows know nothing of")

    def needs(self) -> Sequence[Weights]:
        return (Weights(self.NAME, ("small-frames.npz",), "nowhere"),)

    def takes(self) -> Seen:
        return Seen(parse_moments(self.frames), Exactly(SIDE, SIDE))

    def load(self, files: Mapping[str, Path]) -> Extractor:
        import tensorflow as tf

        def flat(values):
            return self.scale * tf.reshape(tf.cast(values, tf.float32), (-1, 3 * SIDE * SIDE))

        return _extractor(self, 3 * SIDE * SIDE, flat, files)


LOADED = {}  # recipe and kernel to extractor: what is loaded often, is loaded once


def _extractor(recipe, inputs, preprocess, files):
    import keras

    with np.load(files[recipe.NAME]) as arrays:
        kernel = arrays["kernel"]
    key = (recipe, kernel.tobytes())
    if key not in LOADED:
        given = keras.Input((inputs,))
        layer = keras.layers.Dense(WIDTHS[recipe.NAME], use_bias=False)
        network = keras.Model(given, {"embedding": layer(given)})
        layer.set_weights([kernel])
        LOADED[key] = Extractor(recipe, preprocess, network, files=files)
    return LOADED[key]


def write_weights(folder, seed=0):
    """Writes the weights of both; returns their folder."""
    rng = np.random.default_rng(seed)
    for name, inputs in (("small-sound", WINDOW), ("small-frames", 3 * SIDE * SIDE)):
        kernel = rng.normal(size=(inputs, WIDTHS[name])).astype(np.float32)
        np.savez(folder / f"{name}.npz", kernel=kernel)
    return folder


def _wrong(path, wanted, then):
    from kavc.media.windows import windows

    for number, found in enumerate(windows(path, wanted)):
        if Path(path).stem == "b" and number:
            then()
        yield found


def hang(path, wanted):
    """Windows; of the clip b, the first ones, and then nothing."""
    import time

    yield from _wrong(path, wanted, lambda: time.sleep(100))


def crash(path, wanted):
    """Likewise, and then the process dies."""
    import os
    import signal

    yield from _wrong(path, wanted, lambda: os.kill(os.getpid(), signal.SIGSEGV))


def memory(path, wanted):
    """Likewise, and then there is too little memory."""
    yield from _wrong(path, wanted, lambda: bytearray(2**40))


@dataclass(frozen=True)
class DeadlyFrames(SmallFrames):
    """The first process of a cluster's that uses it dies of it."""

    def load(self, files):
        import os
        import signal

        extractor, marker = super().load(files), Path(os.environ["KAVC_TEST_MARKER"])
        real = extractor.rows

        def rows(values):
            if not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return real(values)

        extractor.rows = rows
        return extractor
