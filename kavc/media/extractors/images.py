"""What extractors that see single frames have in common."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kavc.media.extractors.base import Recipe
from kavc.media.moments import Key, Moments, Rate, parse_moments
from kavc.media.sizes import Crop
from kavc.media.windows import Seen
from kavc.options import option

if TYPE_CHECKING:
    import tensorflow as tf

SIDE = 224
CAFFE = (103.939, 116.779, 123.68)  # mean blue, green and red, of 255


@dataclass(frozen=True)
class Images(Recipe):
    """A recipe whose rows are of a frame each: scaled by the shorter side, cut in the centre.

    Attributes:
        SIDE: height and width that the network takes.

    Example:
        >>> from kavc.media.extractors.resnet import ResNet50
        >>> ResNet50(frames="uniform:8", resize=232).takes().size
        Crop(shorter=232, size=224)
    """

    MODALITY: ClassVar[str] = "visual"
    SIDE: ClassVar[int] = SIDE

    frames: str = option("rate:1", "uniform:N, rate:R, key:N or burst:NxF@R")
    resize: int = option(256, "pixels to which the shorter side is scaled", low=SIDE, high=4096)
    seconds: float | None = option(None, "of a file that are looked at, with rate:R", low=0.01)

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_moments(self.frames)

    def takes(self) -> Seen:
        return Seen(moments_of(self.frames, self.seconds), Crop(self.resize, self.SIDE))

    def pixels(self, values: tf.Tensor) -> tf.Tensor:
        """Returns windows of one frame as images, (windows, height, width, 3) float32, 0 to 255."""
        return pixels(values)


def moments_of(frames: str, seconds: float | None) -> Moments | Key:
    """Returns the moments that a text says, of the first seconds where it says a rate.

    Raises:
        ConfigError: it says none.

    Example:
        >>> moments_of("rate:2", seconds=10).times(0.0, 60.0).size
        20
        >>> moments_of("uniform:8", seconds=10).times(0.0, 60.0).size
        8
    """
    moments = parse_moments(frames)
    return dataclasses.replace(moments, seconds=seconds) if isinstance(moments, Rate) else moments


def pixels(values: tf.Tensor) -> tf.Tensor:
    """Returns the frames of all windows as images, (frames, height, width, 3) float32, 0 to 255.

    >>> import tensorflow as tf
    >>> pixels(tf.zeros((2, 16, 8, 8, 3), tf.uint8)).shape  # two windows of 16 frames
    TensorShape([32, 8, 8, 3])
    """
    import tensorflow as tf

    return tf.cast(tf.reshape(values, (-1, *values.shape[2:])), tf.float32)


def caffe(images: tf.Tensor) -> tf.Tensor:
    """Returns images as Caffe's networks take them: blue first, less the means of ImageNet.

    Args:
        images: (images, height, width, 3) float32, RGB, 0 to 255.

    Reference:
        Jia et al., 2014.

    Example:
        >>> import numpy as np
        >>> caffe(np.full((1, 1, 1, 3), (255.0, 128.0, 0.0))).round(1).ravel().tolist()
        [-103.9, 11.2, 131.3]
    """
    return images[..., ::-1] - CAFFE
