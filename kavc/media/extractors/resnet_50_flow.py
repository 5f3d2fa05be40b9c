"""ResNet-50 on a stack of optical flow: 2,048 numbers for 11 frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from kavc.media.extractors.base import Extractor, Weights
from kavc.media.extractors.clips import FRAMES, Clips
from kavc.media.extractors.stacks import STACK, stacked
from kavc.media.flow import METHODS, check_method
from kavc.media.sizes import Crop, Size
from kavc.options import option

SIDE = 224
WEIGHTS = "resnet-50-keras"  # those of `resnet-50` under weights_of=keras


@dataclass(frozen=True)
class ResNet50Flow(Clips):
    """The flow network of music for video: 10 fields of motion, as 20 channels.

    Flow is found on images that are scaled and cut already.

    Reference:
        Langlois, 2019, section 3; the stack is that of Simonyan and Zisserman, 2014.

    Example:
        weights = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
        extractor = ResNet50Flow().load({"resnet-50-keras": weights})
        times, rows = extractor.extract("clip.mp4")  # (1, 2048)
    """

    NAME: ClassVar[str] = "resnet-50-flow"
    SUMMARY: ClassVar[str] = "ResNet-50 of images on flow: 2,048 numbers for 11 frames"
    SEEN: ClassVar[str] = "never seen with its real weights; random ones went through its formats"

    frames: str = option(f"burst:1x{STACK}@25", FRAMES)
    window: int = option(STACK, "frames of which a row is made: 11", low=STACK, high=STACK)
    hop: int = option(STACK, "frames from row to row", low=1, high=4096)
    resize: int = option(256, "pixels to which the shorter side is scaled", low=SIDE, high=4096)
    method: str = option("farneback", "how flow is found", choices=METHODS)
    inflation: str = option(
        "mean",
        "of the first convolution: its mean over the colours, repeated, or these in turn",
        choices=("mean", "tiled"),
    )
    rescale: bool = option(False, "whether it is times 3/20, so that a constant answers as it did")

    def needs(self) -> Sequence[Weights]:
        files = (
            "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "resnet50_weights_tf_dim_ordering_tf_kernels.h5",
        )
        page = "keras.io/api/applications"
        return (Weights(WEIGHTS, files, page, "MIT, as published"),)

    def check(self) -> None:
        check_method(self.method)

    def size(self) -> Size:
        return Crop(self.resize, SIDE)

    def of_flow(self) -> dict[str, Any]:
        return {"flow": self.method}

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.networks.flow_stack import load

        network = load(files[WEIGHTS], how=self.inflation, rescale=self.rescale)
        return Extractor(self, stacked, network, files=files)
