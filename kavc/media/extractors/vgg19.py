"""VGG-19: what it sees in a second, 512 numbers or a map of them, as AVE's features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from kavc.media.extractors.base import Extractor, Recipe, Weights
from kavc.media.extractors.images import SIDE, caffe, pixels
from kavc.media.moments import Rate
from kavc.media.sizes import Exactly
from kavc.media.windows import SHORT, Seen
from kavc.options import option

if TYPE_CHECKING:
    import tensorflow as tf

STEM = "vgg19_weights_tf_dim_ordering_tf_kernels"


@dataclass(frozen=True)
class VGG19(Recipe):
    """VGG-19, the mean of 16 frames in each second: their last map, or its average over places.

    Frames are in the middle of equal parts of the second, squeezed to a square.

    Reference:
        Simonyan and Zisserman, 2015; of AVE's pictures, Tian et al., 2018.

    Example:
        extractor = VGG19(output="map").load({"vgg-19": f"{STEM}_notop.h5"})
        times, rows = extractor.extract("clip.mp4")  # of 10 s: (10, 7, 7, 512)
    """

    NAME: ClassVar[str] = "vgg-19"
    MODALITY: ClassVar[str] = "visual"
    SUMMARY: ClassVar[str] = "VGG-19: 512 numbers, or a map of 7 x 7 x 512, a second, as AVE"
    SEEN: ClassVar[str] = "never with real weights"

    frames: int = option(16, "frames of a second, whose mean is a row", low=1, high=60)
    output: str = option("embedding", "what is taken", choices=("embedding", "map"))
    seconds: float | None = option(None, "of a file that are looked at", low=1)
    short: str = option("drop", "what becomes of frames that fill no second", choices=SHORT)

    def needs(self) -> Sequence[Weights]:
        files = (f"{STEM}_notop.h5", f"{STEM}.h5")
        return (Weights(self.NAME, files, "keras.io/api/applications", "CC BY, as published"),)

    def takes(self) -> Seen:
        moments = Rate(self.frames, seconds=self.seconds)
        return Seen(moments, Exactly(SIDE, SIDE), self.frames, self.frames, self.short)

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.networks import vgg19

        return Extractor(
            self,
            lambda values: {"images": caffe(pixels(values))},
            vgg19.load(files[self.NAME]),
            output=self.output,
            files=files,
            finish=self._averaged,
        )

    def _averaged(self, found: tf.Tensor) -> tf.Tensor:
        """Returns the mean of each window's frames, (windows, ...)."""
        import tensorflow as tf

        stacks = tf.reshape(tf.cast(found, tf.float32), (-1, self.frames, *found.shape[1:]))
        return tf.reduce_mean(stacks, axis=1)
