"""Frames as upright RGB images."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from kavc.media.orientation import Orientation
from kavc.media.sizes import Exactly, Size

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


def upright_size(frame: VideoFrame) -> Exactly:
    """Returns the size of a frame as it is stored, once upright."""
    sides = frame.height, frame.width
    return Exactly(*(reversed(sides) if Orientation.of(frame).transposed else sides))


def to_image(frame: VideoFrame, track: VideoStream, size: Size) -> np.ndarray:
    """Converts and scales a frame in one pass.

    Args:
        frame: as decoded.
        track: that it is of.
        size: of the image.

    Returns:
        (height, width, 3) uint8, RGB, upright.
    """
    turn = Orientation.of(frame)
    now = upright_size(frame)
    height, width = size.scaled(now.height, now.width, turn.aspect(track))
    if turn.transposed:
        height, width = width, height
    rgb = frame.reformat(
        width=width, height=height, format="rgb24", interpolation=_interpolation(), threads=1
    )
    return np.ascontiguousarray(size.cropped(turn.apply(rgb.to_ndarray())))


@functools.cache
def _interpolation() -> int:
    """Bilinear, over all pixels that an image's pixel covers, to the same bits on each machine."""
    from av.video.reformatter import Interpolation

    return Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
