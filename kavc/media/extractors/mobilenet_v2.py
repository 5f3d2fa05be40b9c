"""MobileNetV2: 1,280 numbers for each frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from kavc.media.extractors.base import Extractor, Weights
from kavc.media.extractors.images import Images
from kavc.options import option


@dataclass(frozen=True)
class MobileNetV2(Images):
    """MobileNetV2, of Keras Applications: its global average, or what it classifies.

    Reference:
        Sandler et al., 2018; of the pictures of Ti-AVC, Su et al., 2020, section 4.1.

    Example:
        extractor = MobileNetV2().load({"mobilenet-v2": "mobilenet_v2_1.0_224.h5"})
        times, rows = extractor.extract("clip.mp4")  # (8, 1280)
    """

    NAME: ClassVar[str] = "mobilenet-v2"
    SUMMARY: ClassVar[str] = "MobileNetV2: 1,280 numbers, or 1,000 scores of ImageNet, a frame"
    SEEN: ClassVar[str] = "with Coral's weights in Keras' layout; never with Keras' own"

    frames: str = option("key:8", "uniform:N, rate:R, key:N or burst:NxF@R")
    resize: int = option(256, "pixels to which the shorter side is scaled", low=224, high=4096)
    output: str = option("embedding", "what is taken", choices=("embedding", "scores"))

    def needs(self) -> Sequence[Weights]:
        files = (
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
            "mobilenet_v2_1.0_224.h5",
        )
        return (Weights(self.NAME, files, "keras.io/api/applications"),)

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.networks.mobilenet_v2 import load

        return Extractor(
            self,
            lambda values: self.pixels(values) / 127.5 - 1,
            load(files[self.NAME]),
            output=self.output,
            files=files,
        )
