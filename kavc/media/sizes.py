"""The size of the images that frames become."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kavc.errors import ConfigError

MAX_SIDE = 2**15  # pixels of an image


@dataclass(frozen=True)
class Exactly:
    """Frames are scaled to a height and a width, whatever their shape.

    Args:
        height, width: in pixels.
        size: height and width of the centre, which alone is kept. None for all.

    Example:
        >>> Exactly(128, 171, size=112).cropped(np.zeros((128, 171, 3))).shape
        (112, 112, 3)
    """

    height: int
    width: int
    size: int | None = None

    def __post_init__(self) -> None:
        _check(self.height, self.width, *self.shape)
        if self.size is not None and self.size > min(self.height, self.width):
            raise ConfigError(
                f"a crop of {self.size} is larger than an image of {self.height}x{self.width}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the images."""
        return (self.height, self.width) if self.size is None else (self.size, self.size)

    def scaled(self, height: int, width: int, aspect: float) -> tuple[int, int]:
        """Returns the (height, width) to which an upright frame is scaled.

        Args:
            height, width: of the frame, in pixels.
            aspect: width of a pixel of it through its height.
        """
        return self.height, self.width

    def cropped(self, image: np.ndarray) -> np.ndarray:
        """Returns what is kept of the scaled image, (height, width, 3)."""
        if self.size is None:
            return image
        # Half a pixel goes to the even side, as torchvision has it.
        top, left = (round((length - self.size) / 2) for length in image.shape[:2])
        return image[top : top + self.size, left : left + self.size]


@dataclass(frozen=True)
class Crop:
    """Frames are scaled so that the shorter side has a length; the centre is kept.

    The shape is that in which they are shown, also where pixels are no squares.

    Args:
        shorter: length of the shorter side, in pixels, as 256.
        size: height and width of what is kept, as 224. None for `shorter`.

    Example:
        >>> crop = Crop(256, 224)
        >>> crop.scaled(720, 1280, aspect=1.0), crop.shape
        ((256, 455), (224, 224))
    """

    shorter: int
    size: int | None = None

    def __post_init__(self) -> None:
        _check(self.shorter, self._side)
        if self._side > self.shorter:
            raise ConfigError(f"a crop of {self._side} is larger than the side, {self.shorter}")

    @property
    def _side(self) -> int:
        return self.shorter if self.size is None else self.size

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the images."""
        return self._side, self._side

    def scaled(self, height: int, width: int, aspect: float) -> tuple[int, int]:
        shape = height, width * aspect
        factor = self.shorter / min(shape)
        rows, columns = (min(MAX_SIDE, round(length * factor)) for length in shape)
        return rows, columns

    def cropped(self, image: np.ndarray) -> np.ndarray:
        top, left = ((length - self._side) // 2 for length in image.shape[:2])
        return image[top : top + self._side, left : left + self._side]


Size = Exactly | Crop


def _check(*sides: int) -> None:
    for side in sides:
        if not 1 <= side <= MAX_SIDE:
            raise ConfigError(f"a side of an image has 1 to {MAX_SIDE} pixels; got {side}")
