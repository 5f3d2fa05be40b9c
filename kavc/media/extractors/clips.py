"""What extractors that see frames that follow each other have in common."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from kavc.errors import ConfigError
from kavc.media.extractors.base import Recipe
from kavc.media.moments import Bursts, Key, Moments, Rate, parse_moments
from kavc.media.windows import SHORT, Seen
from kavc.options import option

if TYPE_CHECKING:
    from kavc.media.sizes import Size

FRAMES = "rate:R, uniform:N or burst:NxF@R"
WINDOW = "frames of which a row is made"
HOP = "frames from row to row"


@dataclass(frozen=True)
class Clips(Recipe):
    """A recipe whose rows are of some frames each. A subclass has its `size`.

    Attributes:
        LEAST: frames of a window that the network takes.
    """

    MODALITY: ClassVar[str] = "visual"
    LEAST: ClassVar[int] = 1

    frames: str = option("rate:25", FRAMES)
    window: int = option(64, WINDOW, low=1, high=4096)
    hop: int = option(64, HOP, low=1, high=4096)
    short: str = option("drop", "what becomes of frames that fill no row", choices=SHORT)
    seconds: float | None = option(None, "of a file that are looked at, with rate:R", low=0.01)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window < self.LEAST:
            raise ConfigError(
                f"option 'window' of {self.NAME} must be at least {self.LEAST}; not {self.window}"
            )
        self.moments()

    def moments(self) -> Moments:
        """Returns when frames are taken.

        Raises:
            ConfigError: the option says no such moments, or frames that don't follow each other.

        Example:
            >>> from kavc.media.extractors.r2plus1d import R2Plus1D
            >>> R2Plus1D(frames="rate:25", seconds=10).moments()
            Rate(rate=25.0, count=None, seconds=10.0)
        """
        moments = parse_moments(self.frames)
        if isinstance(moments, Key):
            raise ConfigError(f"frames of {self.NAME} follow each other, {FRAMES}; not key frames")
        if isinstance(moments, Bursts) and not moments.frames == self.window == self.hop:
            raise ConfigError(
                f"a row of {self.NAME} is one burst: window={self.window} and hop={self.hop} must "
                f"be its {moments.frames} frames"
            )
        if isinstance(moments, Rate):
            return dataclasses.replace(moments, seconds=self.seconds)
        return moments

    def takes(self) -> Seen:
        return Seen(
            self.moments(), self.size(), self.window, self.hop, self.short, **self.of_flow()
        )

    def size(self) -> Size:
        """Returns the size of the images."""
        raise NotImplementedError

    def of_flow(self) -> dict[str, Any]:
        """Returns the flow that is taken, of `kavc.media.windows.Seen`; none of frames as such."""
        return {}
