"""What networks take, kept as it is: for those that are trained end to end. No weights are needed.

frame                         -> pixels       (side, side, 3), 0 to 255
11 frames -> fields of motion -> flow-fields  (side, side, 20), -128 to 128
0.975 s of sound              -> log-mel      (96, 64)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kavc.errors import ConfigError
from kavc.media.extractors.base import Extractor, Recipe, Weights
from kavc.media.extractors.clips import FRAMES, Clips
from kavc.media.extractors.images import SIDE, moments_of, pixels
from kavc.media.extractors.stacks import STACK, stacked
from kavc.media.extractors.vggish import RATE, WINDOW
from kavc.media.flow import METHODS, check_method
from kavc.media.moments import parse_moments
from kavc.media.sizes import Crop
from kavc.media.windows import SHORT, Heard, Seen
from kavc.options import option

if TYPE_CHECKING:
    import tensorflow as tf

SEEN = "keeps what is there; it has no weights"
LEAST, LARGEST = 16, 512  # pixels of a side
OF_SIDE = "height and width of what is kept, in pixels"
OF_RESIZE = "pixels to which the shorter side is scaled; none: 8/7 of side, as 256 of 224"


@dataclass(frozen=True)
class Pixels(Recipe):
    """Frames as they are, scaled by the shorter side and cut in the centre.

    Example:
        times, rows = Pixels(side=64).load({}).extract("clip.mp4")  # (rows, 64, 64, 3)
    """

    NAME: ClassVar[str] = "pixels"
    MODALITY: ClassVar[str] = "visual"
    SUMMARY: ClassVar[str] = "frames as they are: side x side x 3, 0 to 255"
    SEEN: ClassVar[str] = SEEN

    frames: str = option("rate:1", "uniform:N, rate:R, key:N or burst:NxF@R")
    resize: int | None = option(None, OF_RESIZE, low=LEAST, high=4096)
    seconds: float | None = option(None, "of a file that are looked at, with rate:R", low=0.01)
    side: int = option(SIDE, OF_SIDE, low=LEAST, high=LARGEST)

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_moments(self.frames)
        scaled(self.NAME, self.resize, self.side)

    def needs(self) -> Sequence[Weights]:
        return ()

    def takes(self) -> Seen:
        size = Crop(scaled(self.NAME, self.resize, self.side), self.side)
        return Seen(moments_of(self.frames, self.seconds), size)

    def load(self, files: Mapping[str, Path]) -> Extractor:
        return Extractor(self, pixels, files=files)


@dataclass(frozen=True)
class FlowFields(Clips):
    """Stacks of motion, as `resnet-50-flow` gives them to its network.

    Flow is found on images that are scaled and cut already.

    Reference:
        Simonyan and Zisserman, 2014, of the stack.

    Example:
        times, rows = FlowFields(side=64).load({}).extract("clip.mp4")  # (1, 64, 64, 20)
    """

    NAME: ClassVar[str] = "flow-fields"
    SUMMARY: ClassVar[str] = "the flow between 11 frames: side x side x 20, -128 to 128"
    SEEN: ClassVar[str] = SEEN

    frames: str = option(f"burst:1x{STACK}@25", FRAMES)
    window: int = option(STACK, "frames of which a row is made: 11", low=STACK, high=STACK)
    hop: int = option(STACK, "frames from row to row", low=1, high=4096)
    resize: int | None = option(None, OF_RESIZE, low=LEAST, high=4096)
    method: str = option("farneback", "how flow is found", choices=METHODS)
    side: int = option(SIDE, OF_SIDE, low=LEAST, high=LARGEST)

    def __post_init__(self) -> None:
        super().__post_init__()
        scaled(self.NAME, self.resize, self.side)

    def needs(self) -> Sequence[Weights]:
        return ()

    def check(self) -> None:
        check_method(self.method)

    def size(self) -> Crop:
        return Crop(scaled(self.NAME, self.resize, self.side), self.side)

    def of_flow(self) -> dict[str, Any]:
        return {"flow": self.method}

    def load(self, files: Mapping[str, Path]) -> Extractor:
        return Extractor(self, stacked, files=files)


@dataclass(frozen=True)
class LogMelPatches(Recipe):
    """Log-mel patches, as `vggish` gives them to its network.

    Reference:
        Hershey et al., 2017.

    Example:
        times, rows = LogMelPatches().load({}).extract("song.m4a")  # (rows, 96, 64)
    """

    NAME: ClassVar[str] = "log-mel"
    MODALITY: ClassVar[str] = "audio"
    SUMMARY: ClassVar[str] = "log-mel patches of VGGish: 96 x 64 for each 0.96 s of sound"
    SEEN: ClassVar[str] = SEEN

    hop: float = option(0.96, "seconds from row to row: 0.96 as VGGish", low=0.01, high=60)
    short: str = option("drop", "what becomes of sound that fills no row", choices=SHORT)

    def needs(self) -> Sequence[Weights]:
        return ()

    def takes(self) -> Heard:
        return Heard(RATE, WINDOW, round(self.hop * RATE), short=self.short)

    def load(self, files: Mapping[str, Path]) -> Extractor:
        return Extractor(self, log_mel_patches(), files=files)


def log_mel_patches() -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function in graph, from windows of sound to a patch of each, (windows, 96, 64)."""
    from kavc.media.front_ends import VGGISH, LogMel

    mel = LogMel(VGGISH)
    return lambda values: mel(values)[:, 0]


def scaled(name: str, resize: int | None, side: int) -> int:
    """Returns the pixels to which the shorter side of a frame is scaled.

    Raises:
        ConfigError: they are fewer than those that are kept.

    Example:
        >>> scaled("pixels", None, 224), scaled("pixels", 256, 224)
        (256, 256)
    """
    if resize is None:
        return -(-side * 8 // 7)
    if resize < side:
        raise ConfigError(
            f"option 'resize' of {name} must be at least side, {side}; not {resize}"
        )  # fmt: skip
    return resize
