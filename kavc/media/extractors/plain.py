"""What can be said of sound and frames without a network: a beginning where no weights are at hand.

0.975 s of sound -> log-mel patch -> mean and deviation of each band                -> 128
frame            -> grid of cells -> mean and deviation of red, green, blue of each -> 96
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from kavc.media.extractors.base import Extractor, Recipe, Weights
from kavc.media.extractors.images import moments_of, pixels
from kavc.media.extractors.raw import LogMelPatches, log_mel_patches
from kavc.media.moments import parse_moments
from kavc.media.sizes import Exactly
from kavc.media.windows import Seen
from kavc.options import option

if TYPE_CHECKING:
    import tensorflow as tf

SEEN = "computes what is there; it has no weights, and knows no thing or word"
CELL = 16  # pixels of a cell's side


@dataclass(frozen=True)
class MelStatistics(LogMelPatches):
    """Mean and standard deviation over time of each of VGGish's 64 log-mel bands.

    Example:
        times, rows = MelStatistics().load({}).extract("clip.mp4")  # (rows, 128)
    """

    NAME: ClassVar[str] = "mel-statistics"
    SUMMARY: ClassVar[str] = "mean and deviation of 64 log-mel bands: 128 for 0.975 s of sound"
    SEEN: ClassVar[str] = SEEN

    def load(self, files: Mapping[str, Path]) -> Extractor:
        patches = log_mel_patches()
        return Extractor(self, lambda values: _statistics(patches(values), [1]), files=files)


@dataclass(frozen=True)
class ColourGrid(Recipe):
    """Mean and standard deviation of the colours, 0 to 1, in the cells of a grid over a frame.

    Example:
        times, rows = ColourGrid(grid=4).load({}).extract("clip.mp4")  # (rows, 96)
    """

    NAME: ClassVar[str] = "colour-grid"
    MODALITY: ClassVar[str] = "visual"
    SUMMARY: ClassVar[str] = "mean and deviation of colours in 4 x 4 cells: 96 a frame"
    SEEN: ClassVar[str] = SEEN

    frames: str = option("rate:1", "uniform:N, rate:R, key:N or burst:NxF@R")
    grid: int = option(4, "cells from side to side, and from top to bottom", low=1, high=16)
    seconds: float | None = option(None, "of a file that are looked at, with rate:R", low=0.01)

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_moments(self.frames)

    def needs(self) -> Sequence[Weights]:
        return ()

    def takes(self) -> Seen:
        side = self.grid * CELL
        return Seen(moments_of(self.frames, self.seconds), Exactly(side, side))

    def load(self, files: Mapping[str, Path]) -> Extractor:
        return Extractor(self, self._of_cells, files=files)

    def _of_cells(self, values: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        cells = tf.reshape(pixels(values) / 255, (-1, self.grid, CELL, self.grid, CELL, 3))
        return _statistics(cells, [2, 4])


def _statistics(values: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    """Returns means over some axes, then standard deviations, (rows, numbers)."""
    import tensorflow as tf

    mean, variance = tf.nn.moments(values, axes)
    found = tf.stack([mean, tf.sqrt(variance)], axis=1)
    return tf.reshape(found, (-1, 2 * mean.shape[1:].num_elements()))
