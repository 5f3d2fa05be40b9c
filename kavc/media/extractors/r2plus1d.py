"""R(2+1)D-18: 512 numbers for some frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kavc.media.extractors.base import Extractor, Weights
from kavc.media.extractors.clips import FRAMES, HOP, WINDOW, Clips
from kavc.media.sizes import Exactly, Size
from kavc.options import option

if TYPE_CHECKING:
    import tensorflow as tf

MEAN, DEVIATION = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)
SIZES = {"112x112": Exactly(112, 112), "128x171": Exactly(128, 171, size=112)}


@dataclass(frozen=True)
class R2Plus1D(Clips):
    """R(2+1)D-18 of torchvision, trained on Kinetics-400.

    Its defaults are those of LLP's features: 8 frames a second, a row each second. Those of
    video_features are `scaled="128x171", window=16, hop=16`, at the rate of the file.

    Reference:
        Tran et al., 2018.

    Example:
        extractor = R2Plus1D().load({"r2plus1d-18": "r2plus1d_18.npz"})
        times, rows = extractor.extract("clip.mp4")  # (10, 512)
    """

    NAME: ClassVar[str] = "r2plus1d-18"
    SUMMARY: ClassVar[str] = "R(2+1)D-18: 512 numbers, or 400 logits of Kinetics, for some frames"
    SEEN: ClassVar[str] = "never seen with its real weights; random ones went through its format"

    frames: str = option("rate:8", FRAMES)
    window: int = option(8, WINDOW, low=1, high=4096)
    hop: int = option(8, HOP, low=1, high=4096)
    scaled: str = option(
        "112x112", "pixels, of which 112x112 in the centre are kept", choices=tuple(SIZES)
    )
    output: str = option("embedding", "what is taken", choices=("embedding", "logits"))

    def needs(self) -> Sequence[Weights]:
        page = "pytorch/vision; its .pth as an .npz, see kavc.media.networks.r2plus1d"
        return (Weights(self.NAME, ("r2plus1d_18.npz",), page, "BSD-3-Clause, as published"),)

    def size(self) -> Size:
        return SIZES[self.scaled]

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.networks.r2plus1d import load

        return Extractor(
            self, self.inputs, load(files[self.NAME]), output=self.output, files=files
        )  # fmt: skip

    def inputs(self, values: tf.Tensor) -> dict[str, Any]:
        """Returns what the network takes of windows of frames, in graph."""
        import tensorflow as tf

        return {"frames": (tf.cast(values, tf.float32) / 255 - MEAN) / DEVIATION}
