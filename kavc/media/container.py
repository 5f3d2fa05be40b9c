"""Opening a media file, so that FFmpeg reads this file and no other.

A playlist, or a container that refers to others, would have it open whatever they name. So formats
are those of a list, which holds none of these, and what FFmpeg asks for besides is refused.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kavc.errors import ConfigError, DataError
from kavc.inputs.opening import Path, named, open_file

if TYPE_CHECKING:
    from av.container import InputContainer

FORMATS = (
    "aac", "ac3", "aiff", "amr", "ape", "apng", "asf", "au", "avi", "caf", "dts", "dv", "eac3",
    "flac", "flv", "gif", "h264", "hevc", "ivf", "loas", "m4v", "matroska", "mov", "mp3", "mpeg",
    "mpegts", "mpegvideo", "mxf", "nut", "obu", "ogg", "rm", "swf", "truehd", "tta", "voc", "vvc",
    "w64", "wav", "wv", "yuv4mpegpipe",
)  # fmt: skip
MAX_PIXELS = 2**26  # of a frame: 8192 × 8192
BUFFER = 2**16  # bytes that are read at once
MICROSECONDS = 1e6  # FFmpeg's unit for the times of a container


def library() -> Any:
    """Imports and returns PyAV.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ConfigError(
            f"media files need packages that are not installed ({error}); pip install 'kavc[media]'"
        ) from None
    return av


@contextlib.contextmanager
def open_container(path: Path, *, max_pixels: int = MAX_PIXELS) -> Iterator[InputContainer]:
    """Opens a media file for the time of a `with` block.

    Args:
        path: of the file; links are followed.
        max_pixels: of a frame; decoders refuse larger ones.

    Raises:
        DataError: as `kavc.inputs.opening.open_file`; or it is empty, or FFmpeg finds no video or
            sound of a format of `FORMATS` in it.
        ConfigError: PyAV is not installed.

    Example:
        with open_container("clip.mp4") as container:
            print([stream.type for stream in container.streams])
    """
    av = library()
    with open_file(path) as stream:
        if not os.fstat(stream.fileno()).st_size:
            raise DataError(f"{named(path)}: it is empty; a video or a sound is expected")
        try:
            container = av.open(
                stream, "r", buffer_size=BUFFER, metadata_errors="replace", io_open=_refuse,
                options={"max_pixels": str(max_pixels)},
                container_options={
                    "format_whitelist": ",".join(FORMATS), "protocol_whitelist": "none",
                },
            )  # fmt: skip
        except (av.FFmpegError, OSError, ValueError, MemoryError) as fault:
            raise DataError(f"{named(path)}: {_unreadable(fault)}") from None
        with container:
            yield container


def start_of(container: InputContainer) -> float:
    """Returns where a file begins on its own clock: zero of all times here, in seconds.

    Sound that begins before zero is what its codec needs to start with, which no decoder puts out.
    """
    return max(0.0, (container.start_time or 0) / MICROSECONDS)


def has_index(container: InputContainer) -> bool:
    """Whether a file lists all that its tracks have, as MP4 and QuickTime do."""
    return container.format.name.startswith("mov")


def words(fault: BaseException) -> str:
    """Returns what FFmpeg said, as a message of one line can hold it.

    >>> words(ValueError("no such codec")), words(EOFError())
    ('no such codec', 'EOFError')
    """
    said = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
    return " ".join(str(said).split())


def _refuse(url: str, flags: int, options: dict) -> Any:
    raise PermissionError(f"it asks for another file, {url!a}")


def _unreadable(fault: Exception) -> str:
    if isinstance(fault, PermissionError):
        return words(fault)
    return (
        f"no video or sound that can be read ({words(fault)}); it was not written whole, or is a"
        " text, a picture or a list of files"
    )
