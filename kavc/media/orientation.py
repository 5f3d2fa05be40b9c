"""How stored frames are turned and mirrored so that they are upright.

Phones store what their sensor sees, and beside it a matrix that says how to show it. FFmpeg's
decoders hand that on with each frame and leave the frames as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_ASPECT = 8.0  # of a pixel; what claims more is taken for square
# (transposed, rows, columns) to degrees, for those that do not mirror.
ROTATIONS = {(0, 0, 0): 0, (1, 0, 1): 90, (0, 1, 1): 180, (1, 1, 0): 270}


@dataclass(frozen=True)
class Orientation:
    """What makes stored frames upright.

    Args:
        transposed: whether rows become columns; that is done first.
        rows, columns: whether their order is reversed.

    Reference:
        ISO/IEC 14496-12, section 8.3.2, of the matrix.

    Example:
        >>> turned = Orientation(transposed=True, columns=True)
        >>> turned.rotation, turned.mirrored, turned.apply(np.zeros((240, 320, 3))).shape
        (90, False, (320, 240, 3))
    """

    transposed: bool = False
    rows: bool = False
    columns: bool = False

    @classmethod
    def of(cls, frame: VideoFrame | None) -> Orientation:
        """Returns that of a frame, to the nearest quarter turn; one without a matrix is upright.

        The matrix (a b u, c d v, x y w) takes a pixel (x, y), y down, to (ax + cy, bx + dy).
        """
        data = None if frame is None else frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        a, b, _, c, d = np.frombuffer(data, np.int32).astype(np.int64)[:5].tolist()
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, rows=b < 0, columns=c < 0)
        return cls(False, rows=d < 0, columns=a < 0)

    @property
    def mirrored(self) -> bool:
        return (self.transposed + self.rows + self.columns) % 2 == 1

    @property
    def rotation(self) -> int:
        """Degrees, clockwise, after mirroring left to right where `mirrored`."""
        # To mirror the columns first is to reverse what they have become.
        rows = self.rows ^ (self.mirrored and self.transposed)
        columns = self.columns ^ (self.mirrored and not self.transposed)
        return ROTATIONS[self.transposed, rows, columns]

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Returns an image, (height, width, channels), made upright: a contiguous array.

        >>> image = np.arange(6).reshape(2, 3, 1)
        >>> Orientation(transposed=True, columns=True).apply(image)[..., 0].tolist()  # clockwise
        [[3, 0], [4, 1], [5, 2]]
        """
        if self.transposed:
            image = image.swapaxes(0, 1)
        return np.ascontiguousarray(image[:: -1 if self.rows else 1, :: -1 if self.columns else 1])

    def aspect(self, track: VideoStream) -> float:
        """Returns the width of a pixel through its height, once upright; 1 if none is claimed."""
        aspect = float(track.sample_aspect_ratio or 1)
        if not 1 / MAX_ASPECT <= aspect <= MAX_ASPECT:
            return 1.0
        return 1 / aspect if self.transposed else aspect
