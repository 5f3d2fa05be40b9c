"""ResNet-50, -101 and -152: 2,048 numbers for each frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from kavc.media.extractors.base import Extractor, Weights
from kavc.media.extractors.images import Images, caffe
from kavc.options import option

if TYPE_CHECKING:
    import tensorflow as tf

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # red, green and blue, of 1
FAMILIES = ("torchvision", "keras")


@dataclass(frozen=True)
class ResNet(Images):
    """A ResNet: its global average. The two families' features have nothing in common.

    Attributes:
        DEPTH: layers.

    Reference:
        He et al., 2016.
    """

    DEPTH: ClassVar[int]
    SEEN: ClassVar[str] = (
        "never with real weights, of neither family; features of torchvision's and of Keras' "
        "weights can't be compared"
    )

    weights_of: str = option("torchvision", "whose weights they are", choices=FAMILIES)

    def needs(self) -> Sequence[Weights]:
        if self.weights_of == "torchvision":
            files: tuple[str, ...] = (f"resnet{self.DEPTH}.npz",)
            page, licence = "torchvision.models, IMAGENET1K_V1", "BSD-3-Clause, as published"
        else:
            stem = f"resnet{self.DEPTH}_weights_tf_dim_ordering_tf_kernels"
            files = (f"{stem}_notop.h5", f"{stem}.h5")
            page, licence = "keras.io/api/applications", "MIT, as published"
        # Two networks that are not the same go by two names.
        name = self.NAME if self.weights_of == "torchvision" else f"{self.NAME}-keras"
        return (Weights(name, files, page, licence),)

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.networks import resnet

        (path,) = files.values()
        if self.weights_of == "keras":
            network = resnet.load_keras(path, depth=self.DEPTH)
            return Extractor(self, lambda values: caffe(self.pixels(values)), network, files=files)
        network = resnet.load_torchvision(path, depth=self.DEPTH)
        return Extractor(self, self._normalised, network, files=files)

    def _normalised(self, values: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"images": (self.pixels(values) / 255 - MEAN) / DEVIATION}


@dataclass(frozen=True)
class ResNet50(ResNet):
    """ResNet-50.

    Example:
        extractor = ResNet50(frames="rate:21.5").load({"resnet-50": "resnet50.npz"})
        times, rows = extractor.extract("clip.mp4")  # (rows, 2048)
    """

    NAME: ClassVar[str] = "resnet-50"
    SUMMARY: ClassVar[str] = "ResNet-50: 2,048 numbers a frame"
    DEPTH: ClassVar[int] = 50


@dataclass(frozen=True)
class ResNet101(ResNet):
    """ResNet-101. Example: as `ResNet50`."""

    NAME: ClassVar[str] = "resnet-101"
    SUMMARY: ClassVar[str] = "ResNet-101: 2,048 numbers a frame"
    DEPTH: ClassVar[int] = 101


@dataclass(frozen=True)
class ResNet152(ResNet):
    """ResNet-152; at 8 frames a second, of which LLP's features are.

    Reference:
        He et al., 2016; of LLP's pictures, Lamba et al., 2021, section 4.

    Example:
        extractor = ResNet152().load({"resnet-152": "resnet152.npz"})
        times, rows = extractor.extract("clip.mp4")  # of 10 s: (80, 2048)
    """

    NAME: ClassVar[str] = "resnet-152"
    SUMMARY: ClassVar[str] = "ResNet-152: 2,048 numbers a frame, 8 frames a second as LLP"
    DEPTH: ClassVar[int] = 152

    frames: str = option("rate:8", "uniform:N, rate:R, key:N or burst:NxF@R; LLP has rate:8")
