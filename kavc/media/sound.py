"""The sound of a file: the mean of its channels, at the rate that is asked for.

FFmpeg's own down-mix weighs channels, so that stereo comes out 1.4 times as loud as their mean and
5.1 five times. So samples are taken as the codec gives them, and averaged and resampled here. They
are not clipped: codecs that lose something overshoot 1.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.inputs.opening import Path, named
from kavc.media.choice import Choice, chosen
from kavc.media.container import open_container, words
from kavc.media.decoding import Decoding

RATE = 16000  # samples a second, as VGGish and YAMNet hear
SECONDS = 3600.0  # that `read_sound` keeps: 230 MB at 16 kHz
MAX_RATE = 768000
BLOCK = 2**16  # samples before resampling that make a block: a second or two


@dataclass(frozen=True)
class Sound:
    """The sound of a file.

    Attributes:
        samples: (samples,) float32, nominally -1 to 1, not clipped.
        rate: samples per second.
        start: of the first sample, in seconds from the start of the file, as times of frames are.
        truncated: why the track ended too early, by damage; "" if it didn't.
        cut: whether it went on after the limit of seconds.
    """

    samples: np.ndarray
    rate: int
    start: float
    truncated: str = ""
    cut: bool = False


class SoundStream:
    """The sound of a file, block by block; never all of it in memory.

    Args:
        path: of the file.
        rate: samples per second. 16,000 by default; None for the track's own.
        track: which one: "best" as FFmpeg says, "first", or an index in the file.

    Attributes:
        rate: samples per second.
        start, truncated: as of `Sound`; `truncated` is known after the last block.
        index: of the track in the file.

    Raises:
        DataError: the file can't be read, it has no sound, or none of it can be decoded.
        ConfigError: no such rate or track; PyAV or soxr is not installed.

    Example:
        with SoundStream("lecture.mp4") as sound:
            for block in sound:  # (samples,) float32, a second or two
                print(len(block))
    """

    def __init__(self, path: Path, *, rate: int | None = RATE, track: Choice = "best"):
        if rate is not None and not 1 <= rate <= MAX_RATE:
            raise ConfigError(f"a rate has 1 to {MAX_RATE} samples a second; got {rate}")
        self.truncated = ""
        self._path = path
        with contextlib.ExitStack() as opened:
            container = opened.enter_context(open_container(path))
            found = chosen(container, "audio", track, path)
            self.index = found.index
            self._decoding = Decoding(container, found)
            self._frames = iter(self._decoding)
            self._first = self._take()
            self.start = self._decoding.time
            self.rate = rate or self._first.sample_rate
            self._opened = opened.pop_all()

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields blocks, (samples,) float32."""
        resampler = _Resampler(self._first.sample_rate, self.rate)
        for rate, mono in self._blocks():
            if rate != resampler.source:  # another programme begins
                yield resampler.rest()
                resampler = _Resampler(rate, self.rate)
            yield resampler(mono)
        yield resampler.rest()
        self.truncated = self._decoding.damage

    def close(self) -> None:
        """Closes the file."""
        self._opened.close()

    def __enter__(self) -> SoundStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> Any:
        frame = next(self._frames, None)
        if frame is None:
            reason = self._decoding.damage or "it has none"
            raise DataError(f"{named(self._path)}: no sound could be decoded ({reason})")
        return frame

    def _blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yields blocks of one rate, (samples,) float32, and the rate."""
        parts, rate = [self._mono(self._first)], self._first.sample_rate
        for frame in self._frames:
            if frame.sample_rate != rate or sum(map(len, parts)) >= BLOCK:
                yield rate, np.concatenate(parts)
                parts, rate = [], frame.sample_rate
            parts.append(self._mono(frame))
        yield rate, np.concatenate(parts)

    def _mono(self, frame: Any) -> np.ndarray:
        try:
            return mono(frame)
        except ValueError as fault:
            raise DataError(f"{named(self._path)}: {words(fault)}") from None


class _Resampler:
    """Resamples blocks of one rate to another, as if they were one."""

    def __init__(self, source: int, target: int):
        self.source = source
        self._stream = None if source == target else _soxr().ResampleStream(
            source, target, num_channels=1, dtype="float32", quality="HQ"
        )  # fmt: skip

    def __call__(self, block: np.ndarray, *, last: bool = False) -> np.ndarray:
        return block if self._stream is None else self._stream.resample_chunk(block, last=last)

    def rest(self) -> np.ndarray:
        return self(np.zeros(0, np.float32), last=True)


def mono(frame: Any) -> np.ndarray:
    """Returns the mean of the channels of a frame of sound: (samples,) float32, nominally -1 to 1.

    Raises:
        ValueError: its samples are of a type that isn't known.
    """
    values = frame.to_ndarray()  # (channels, samples), or (1, samples and channels in turn)
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    mean = values.mean(axis=0, dtype=np.float64)
    if values.dtype == np.uint8:
        mean -= 128
    if values.dtype.kind in "iu":
        mean /= 2 ** (8 * values.itemsize - 1)
    return mean.astype(np.float32)


def read_sound(
    path: Path, *, rate: int | None = RATE, track: Choice = "best", seconds: float = SECONDS
) -> Sound:
    """Reads the sound of a file into memory.

    Args:
        path, rate, track: as of `SoundStream`.
        seconds: that are kept, from the first sample on; an hour by default.

    Raises:
        DataError, ConfigError: as `SoundStream`.

    Example:
        sound = read_sound("clip.mp4")
        sound.samples, sound.rate
    """
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"the limit of seconds is larger than 0 and finite; got {seconds}")
    with SoundStream(path, rate=rate, track=track) as stream:
        most, blocks, length = round(seconds * stream.rate), [], 0
        for block in stream:
            blocks.append(block)
            length += len(block)
            if length > most:
                break
        samples = np.concatenate(blocks)[:most]
        return Sound(samples, stream.rate, stream.start, stream.truncated, length > most)


def _soxr() -> Any:
    try:
        import soxr
    except ImportError as error:
        raise ConfigError(
            f"resampling needs a package that is not installed ({error}); pip install 'kavc[media]'"
        ) from None
    return soxr
