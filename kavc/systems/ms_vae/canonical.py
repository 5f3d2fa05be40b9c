"""DCCA's fit: outputs that correlate, then turned to the canonical directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.canonical import canonical_correlation
from kavc.data.store import VideoStore
from kavc.systems.ms_vae.stages import SegmentStage
from kavc.systems.ms_vae.trainees import Correlating
from kavc.systems.ms_vae.videos import MODALITIES, Segments

RIDGE = 1e-4  # of the last, linear analysis; published PyTorch code
AT_ONCE = 4096


class CorrelatingStage(SegmentStage):
    """DCCA's only fit, on event segments. The last batch of an epoch, if smaller, is left out.

    Reference:
        Andrew et al., ICML 2013.
    """

    name = "correlation"
    events_alone = True

    def trainee(self, network: keras.Model) -> keras.Model:
        return Correlating(network, ridge=self.config.ridge)

    def prepare(
        self, network: keras.Model, load: Callable[[], VideoStore], folder: Path
    ) -> Segments:
        segments = super().prepare(network, load, folder)
        if folder.name == "train":
            self.turn = CanonicalDirections(network, segments)
        return segments

    def count(self, segments: Segments) -> int:
        return max(1, len(segments) // self.config.batch_size)

    def callbacks(self, validation: Segments) -> Sequence[keras.callbacks.Callback]:
        return [self.turn, *super().callbacks(validation)]

    def dataset(
        self, examples: Segments, epoch: tf.Tensor | int | None, seed: int
    ) -> tf.data.Dataset:
        rows = tf.data.Dataset.from_tensor_slices(self.draw(examples, epoch, seed))
        size = min(self.config.batch_size, len(examples))
        batch = lambda rows: self.batch(examples, rows)  # noqa: E731 - autograph reads it
        rows = rows.batch(size, drop_remainder=True)
        return rows.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)

    def batch(self, segments: Segments, *drawn: tf.Tensor) -> Any:
        (rows,) = drawn
        return (segments.gather({"audio": rows, "visual": rows}),)


class CanonicalDirections(keras.callbacks.Callback):
    """After each epoch, gives a network the canonical directions of what it makes of some segments.

    Args:
        network: `DCCA`.
        segments: of the training split.

    Reference:
        Andrew et al., ICML 2013; published PyTorch code, whose last step it is.
    """

    def __init__(self, network: keras.Model, segments: Segments):
        super().__init__()
        self.network = network
        self.segments = segments
        model = keras.Model(network.input, network.projections)
        self.project = tf.function(lambda batch: model(batch, training=False))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        found = self._projected()
        if not all(np.isfinite(x).all() for x in found.values()):
            return  # the fit diverged, which its loss says
        turned = canonical_correlation(found["audio"], found["visual"], RIDGE)
        for kind in MODALITIES:
            layer = self.network.get_layer(f"{kind}_canonical")
            mean, directions = (getattr(turned, f"{kind}_{of}") for of in ("mean", "directions"))
            layer.assign(mean, directions)

    def _projected(self) -> dict[str, np.ndarray]:
        parts = []
        for first in range(0, len(self.segments), AT_ONCE):
            rows = np.arange(first, min(first + AT_ONCE, len(self.segments)))
            parts.append(self.project(self.segments.gather(dict.fromkeys(MODALITIES, rows))))
        return {
            kind: np.concatenate([part[f"{kind}_projection"] for part in parts])
            for kind in MODALITIES
        }
