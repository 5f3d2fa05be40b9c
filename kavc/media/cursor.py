"""A way through the frames of a video track, from one time to later ones."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from kavc.errors import DataError
from kavc.inputs.opening import Path, named
from kavc.media.choice import Choice, chosen
from kavc.media.container import library, open_container, start_of
from kavc.media.decoding import Decoding
from kavc.media.tracks import duration_of, start_of_track

if TYPE_CHECKING:
    from av.stream import Stream
    from av.video.frame import VideoFrame

# Seconds by which distances may differ of which the shorter one is not known: Matroska rounds the
# times of frames to milliseconds. Else a file sampled at its own rate, which asks for the middles
# between frames, would repeat some frames and leave out others.
TIE = 1.5e-3
FAR = 15.0  # seconds: a longer way is shortened by a seek; key frames are nearer to each other


class Timed(NamedTuple):
    """A frame and its time, in seconds from the start of the file."""

    time: float
    frame: VideoFrame


class Cursor:
    """Finds the frames of a file that are nearest to given times.

    It seeks only where that changes nothing: the first key frame after a seek must be before the
    time that is wanted. Where a seek fails, or the file is damaged after it, the track is decoded
    from its beginning instead.

    Args:
        path: of the file.
        choice: of the track.
        max_pixels: of a frame.
        far: seconds from which on it seeks; `math.inf` for never.

    Attributes:
        track: of the open file.
        first: frame of it.
        end: of the track, in seconds from the start of the file: as the file claims, and where the
            frames ended once `is_past` has found that they did.

    Raises:
        DataError: the file can't be read, has no video, frames are too large, or none can be
            decoded.
        ConfigError: there is no such track.

    Example:
        cursor = Cursor("clip.mp4", "best", max_pixels=2**26)
        cursor.nearest(0.5).time, cursor.nearest(2.0).time  # ascending
        cursor.close()
    """

    def __init__(self, path: Path, choice: Choice, *, max_pixels: int, far: float = FAR):
        self._path, self._choice, self._max_pixels, self._far = path, choice, max_pixels, far
        self._opened = contextlib.ExitStack()
        self._open()
        self.first, self.end = self._before, self._claimed_end()

    @property
    def damage(self) -> str:
        """Why the track ended too early; "" if it didn't, or wasn't followed so far."""
        return self._decoding.damage

    def nearest(self, time: float) -> Timed:
        """Returns the frame nearest to a time, the earlier of two; times must ascend."""
        if self._after is not None and time - self._after.time > self._far:
            self._jump(time)
        self._walk(time)
        if self._jumped and self._after is None and self.damage:
            self._start_again()
            self._walk(time)
        before, after = self._before, self._after
        if after is None or time - before.time <= after.time - time + TIE:
            return before
        return after

    def is_past(self, time: float) -> bool:
        """Whether the track had ended by a time, the latest that `nearest` was asked for."""
        length = float(1 / self.track.average_rate) if self.track.average_rate else 0.0
        if self._after is not None or time <= self._before.time + length:
            return False
        self.end = self._before.time + length
        return True

    def close(self) -> None:
        """Closes the file."""
        self._opened.close()

    def _open(self) -> None:
        with contextlib.ExitStack() as opened:
            container = opened.enter_context(
                open_container(self._path, max_pixels=self._max_pixels)
            )
            self.track = chosen(container, "video", self._choice, self._path)
            _check(self.track, self._max_pixels, self._path)
            self._container, self._jumped = container, False
            self._decode()
            if (first := self._next()) is None:
                reason = self.damage or "it has none"
                raise DataError(f"{named(self._path)}: no frame could be decoded ({reason})")
            self._before: Timed = first
            self._after: Timed | None = first
            self._opened = opened.pop_all()

    def _decode(self) -> None:
        self._decoding = Decoding(self._container, self.track)
        self._frames = self._ascending()

    def _ascending(self) -> Iterator[Timed]:
        """Yields the frames, without those whose times go back, as of streams joined badly."""
        latest = -math.inf
        for frame in self._decoding:
            if self._decoding.time > latest:
                latest = self._decoding.time
                yield Timed(latest, frame)

    def _next(self) -> Timed | None:
        return next(self._frames, None)

    def _walk(self, time: float) -> None:
        while self._after is not None and self._after.time < time:
            self._before, self._after = self._after, self._next()

    def _jump(self, time: float) -> None:
        """Goes on at the last key frame before a time."""
        here, key = self._before.time, self._seek(time)
        if key is None or key.time > time:
            self._start_again()
            return
        if key.time <= here:  # key frames are rare, and each seek would lead back
            self._far = math.inf
        self._before, self._after, self._jumped = key, key, True

    def _seek(self, time: float) -> Timed | None:
        """Returns the first key frame after a seek, which should be before `time`."""
        offset = (time + start_of(self._container)) / float(self.track.time_base or 1)
        try:
            self._container.seek(math.floor(offset), stream=self.track, backward=True)
        except (library().FFmpegError, OSError, ValueError):
            return None
        self._decode()
        return next((each for each in self._frames if each.frame.key_frame), None)

    def _start_again(self) -> None:
        """Goes back to the beginning, to decode all on the way: few formats wind back exactly."""
        self.close()
        self._far = math.inf
        self._open()

    def _claimed_end(self) -> float:
        duration = duration_of(self.track, self._container)
        if duration is None:
            return _last_end(self._path, self.track.index)
        return start_of_track(self.track) - start_of(self._container) + duration


def _check(track: Stream, most: int, path: Path) -> None:
    width, height = track.codec_context.width, track.codec_context.height
    if width * height > most:
        raise DataError(
            f"{named(path)}: frames of {width} × {height} have more than {most} pixels; scale the"
            " video down, or raise max_pixels"
        )


def _last_end(path: Path, index: int) -> float:
    """Returns where the last frame of a track ends, of a file that doesn't say."""
    end = 0.0
    with (
        open_container(path) as container,
        contextlib.suppress(library().FFmpegError, OSError, ValueError),
    ):
        for packet in container.demux(container.streams[index]):
            start, length = packet.pts, packet.duration or 0  # raw streams have no times
            at = end if start is None else float(start * packet.time_base) - start_of(container)
            end = max(end, at + float(length * packet.time_base))
    return end
