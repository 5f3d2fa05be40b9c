"""The frames of a file at given times, as upright RGB images.

Times are those of the frames, never a number through a rate. Of two frames equally near the earlier
is taken. Frames that nobody asked for are not converted, which is dearer than to decode them; where
the next time is far, decoding goes on at the last key frame before it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.inputs.opening import Path, named
from kavc.media.choice import Choice
from kavc.media.container import MAX_PIXELS, library, words
from kavc.media.cursor import FAR, Cursor, Timed
from kavc.media.images import to_image, upright_size
from kavc.media.moments import Moments
from kavc.media.sizes import Size

MAX_BYTES = 2**31  # of the images that `read_frames` returns


@dataclass(frozen=True)
class Frames:
    """Frames of a file.

    Attributes:
        images: (frames, height, width, 3) uint8, RGB, upright.
        times: (frames,) float64. Of these frames, in seconds from the start of the file.
        wanted: (frames,) float64. The times that were asked for.
        truncated: why the track ended too early, by damage; "" if it didn't, or if nobody asked for
            what comes after.
        index: of the track in the file.
    """

    images: np.ndarray
    times: np.ndarray
    wanted: np.ndarray
    truncated: str = ""
    index: int = -1

    def __len__(self) -> int:
        return len(self.images)


class FrameStream:
    """Frames of a file, one after the other; never all of them in memory.

    Args:
        path: of the file.
        moments: the times: `Uniform(8)`, `Rate(1)` or `At([0.5, 2.0])`.
        size: of the images: `Exactly(224, 224)` or `Crop(256, 224)`. None for that of the first
            frame.
        track: which one: "best" as FFmpeg says, "first", or an index in the file.
        max_pixels: of a frame, 2**26 by default.
        seek: whether it may seek to far frames; that changes nothing but the time it takes.

    Attributes:
        wanted: (frames,) float64. The times, in seconds from the start of the file.
        shape: (height, width) of the images.
        index: of the track in the file.
        truncated: as of `Frames`; known after the last frame.
        past: the number of times, so far, by which the track had ended, whatever the file claims.
        end: of the track, in seconds from the start of the file: as the file claims, and where its
            frames ended once they have.
        there: (frames,) float64. The times, of what there is up to `end`.

    Raises:
        DataError: the file can't be read, has no video, its frames are too large, or none can be
            decoded.
        ConfigError: there is no such track, or too many frames are wanted.

    Example:
        with FrameStream("clip.mp4", Rate(1), size=Crop(256, 224)) as frames:
            for time, image in frames:  # (224, 224, 3) uint8
                print(time, image.mean())
    """

    def __init__(
        self,
        path: Path,
        moments: Moments,
        *,
        size: Size | None = None,
        track: Choice = "best",
        max_pixels: int = MAX_PIXELS,
        seek: bool = True,
    ):
        self._path, far = path, FAR if seek else math.inf
        with contextlib.ExitStack() as opened:
            self._cursor = Cursor(path, track, max_pixels=max_pixels, far=far)
            opened.callback(self._cursor.close)
            self._moments, first = moments, self._cursor.first
            self.wanted = self.there
            self.index = self._cursor.track.index
            self._size = size or upright_size(first.frame)
            self.shape = self._size.shape
            self.truncated, self.past = "", 0
            opened.pop_all()

    @property
    def end(self) -> float:
        return self._cursor.end

    @property
    def there(self) -> np.ndarray:
        start = self._cursor.first.time
        return self._moments.times(start, max(0.0, self.end - start))

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yields (time, image); one that is wanted again comes as the same array."""
        last, image = None, np.empty(0, np.uint8)
        for time in self.wanted.tolist():
            found = self._cursor.nearest(time)
            self.past += self._cursor.is_past(time)
            self.truncated = self._cursor.damage  # also where nobody asks for the next one
            if last is None or found.time != last.time:
                last, image = found, self._image(found)
            yield found.time, image

    def _image(self, found: Timed) -> np.ndarray:
        try:
            return to_image(found.frame, self._cursor.track, self._size)
        except (library().FFmpegError, OSError, ValueError) as fault:
            raise DataError(
                f"{named(self._path)}: the frame at {found.time:.2f} s has colours that can't be"
                f" read ({words(fault)}); copy or convert the file again"
            ) from None

    def close(self) -> None:
        """Closes the file."""
        self._cursor.close()

    def __enter__(self) -> FrameStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_frames(path: Path, moments: Moments, **options: Any) -> Frames:
    """Reads frames of a file into memory.

    Args:
        path, moments: as of `FrameStream`.
        **options: those of `FrameStream`: `size`, `track`, `max_pixels`, `seek`.

    Raises:
        DataError: as `FrameStream`.
        ConfigError: as `FrameStream`; or the images have more than 2 GiB.

    Example:
        read_frames("clip.mp4", Uniform(8), size=Crop(256, 224)).images
    """
    with FrameStream(path, moments, **options) as stream:
        count, (height, width) = len(stream.wanted), stream.shape
        if 3 * count * height * width > MAX_BYTES:
            raise ConfigError(
                f"{named(path)}: {count} images of {width} × {height} are more than"
                f" {MAX_BYTES >> 30} GiB; ask for fewer or smaller ones, or use FrameStream"
            )
        images, times = np.empty((count, height, width, 3), np.uint8), np.empty(count)
        for row, (time, image) in enumerate(stream):
            times[row], images[row] = time, image
        return Frames(images, times, stream.wanted, stream.truncated, stream.index)
