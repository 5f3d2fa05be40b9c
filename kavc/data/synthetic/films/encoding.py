"""Films as files: H.264 and AAC, the same bytes for the same film."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from kavc.data.synthetic.films.sound import RATE
from kavc.media.container import library

PIECE = 1024  # samples of a frame of AAC
BIT_RATE = 128_000  # of the sound
# One thread, and no time or version in the container: the same film is the same file. x264's
# macroblock tree comes out otherwise each time on processors with AVX-512, whatever the threads.
PICTURE = {"preset": "veryfast", "crf": "20", "threads": "1", "mbtree": "0"}
SOUND = {"threads": "1", "flags": "+bitexact", "aac_coder": "fast"}
CONTAINER = {"fflags": "+bitexact"}
BT601 = 6  # FFmpeg's number of the matrix by which it makes YUV of RGB


def write_film(
    path: Path, samples: np.ndarray, pictures: Iterable[np.ndarray] = (), rate: int | None = None
) -> None:
    """Writes a film, or a sound alone.

    Args:
        path: new file; what it ends with says the container: .mp4 or .m4a.
        samples: (2, samples) float32, at `RATE`, -1 to 1.
        pictures: the frames, (height, width, 3) uint8, RGB, of even sides.
        rate: frames a second; None for a sound alone.

    Raises:
        ConfigError: PyAV is not installed.
        OSError: as any writing of a file.
    """
    with _plain_errors(path), library().open(str(path), "w", options=CONTAINER) as container:
        tracks = []
        if rate is not None:
            frames = iter(pictures)
            first = next(frames)
            tracks.append(_pictures(container, first, frames, rate))
        tracks.append(_sounds(container, samples))
        # In turn by time, so that neither track waits in memory for the other.
        for _, packets in heapq.merge(*tracks, key=lambda found: found[0]):
            container.mux(packets)


@contextlib.contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """Has a full disk and the like end as when Python writes: PyAV's errors can't be renamed."""
    try:
        yield
    except library().FFmpegError as fault:
        if not isinstance(fault, OSError):
            raise
        raise OSError(fault.errno, fault.strerror, str(path)) from None


def _pictures(
    container: Any, first: np.ndarray, others: Iterator[np.ndarray], rate: int
) -> Iterator[tuple[float, list]]:
    """Adds a track; yields (time, packets) of its frames in turn."""
    track = container.add_stream("libx264", rate=rate, options=PICTURE | {"g": str(rate)})
    track.height, track.width = first.shape[:2]
    track.pix_fmt = "yuv420p"
    track.codec_context.colorspace, track.codec_context.color_range = BT601, 1
    return _encoded(track, _images(first, others, rate))


def _sounds(container: Any, samples: np.ndarray) -> Iterator[tuple[float, list]]:
    track = container.add_stream("aac", rate=RATE, layout="stereo", options=SOUND)
    track.bit_rate = BIT_RATE
    return _encoded(track, _pieces(samples))


def _encoded(track: Any, frames: Iterator[Any]) -> Iterator[tuple[float, list]]:
    time = 0.0
    for frame in frames:
        time = float(frame.pts * frame.time_base)
        yield time, track.encode(frame)
    yield time, track.encode()


def _images(first: np.ndarray, others: Iterator[np.ndarray], rate: int) -> Iterator[Any]:
    av = library()
    for number, image in enumerate(chain((first,), others)):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, rate)
        yield frame


def _pieces(samples: np.ndarray) -> Iterator[Any]:
    av = library()
    for start in range(0, samples.shape[1], PIECE):
        piece = np.ascontiguousarray(samples[:, start : start + PIECE])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = start
        yield frame
