"""The one way to open a file that may come from others: a regular file, up to a size.

A device or a FIFO would be read for ever or never open; what others send may be of any size. Both
are refused before the first read, in one line that names the file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat

from kavc.errors import DataError, KavcError
from kavc.texts import quoted

# A FIFO without a writer opens at once, and nothing becomes the process's terminal.
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
REASONS = {
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file; what stands above it is no folder",
    errno.EISDIR: "a folder; a file is expected",
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.ELOOP: "links that lead in a circle",
    errno.ENAMETOOLONG: "its name is too long for a file",
    errno.ENXIO: "a socket or a device; a file is expected",
}
KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

LONGEST_PATH = 4096  # bytes that Linux takes

UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # byte order marks

Path = str | os.PathLike


def open_file(
    path: Path, *, most: int | None = None, error: type[KavcError] = DataError
) -> io.BufferedReader:
    """Opens a file for reading; the caller closes it.

    Args:
        path: of the file; links are followed.
        most: bytes that it may have. None for any number.
        error: what is raised.

    Raises:
        KavcError: of the kind `error`: it is missing, can't be read, is no regular file or is
            larger than `most`.
    """
    try:
        with contextlib.ExitStack() as opened:
            stream = opened.enter_context(open(path, "rb", opener=_descriptor))
            _check(os.fstat(stream.fileno()), most)  # of what is open, whose place nobody takes
            stream.peek(1)  # what can't be read, as on a disk that fails, shows here
            opened.pop_all()
            return stream
    except (OSError, ValueError) as fault:
        raise error(f"{named(path)}: {_reason(fault)}") from None


def check_file(
    path: Path, *, most: int | None = None, error: type[KavcError] = DataError
) -> os.stat_result:
    """Raises what `open_file` does, for what a library opens by name; returns its state."""
    with open_file(path, most=most, error=error) as stream:
        return os.fstat(stream.fileno())


def read_bytes(path: Path, *, most: int, error: type[KavcError] = DataError) -> bytes:
    """Reads a file whole. Args and errors are those of `open_file`."""
    with open_file(path, most=most, error=error) as stream:
        try:
            content = stream.read(most + 1) or b""  # it may have grown since
            if len(content) > most:
                raise ValueError(too_large(most))
            return content
        except (OSError, ValueError) as fault:
            raise error(f"{named(path)}: {_reason(fault)}") from None


def read_text(path: Path, *, most: int, error: type[KavcError] = DataError) -> str:
    """Reads a text file whole, UTF-8 with or without a byte order mark; line ends stay as they are.

    Args and errors are those of `open_file`; or it is no UTF-8, or holds a zero byte.

    Reference:
        RFC 3629, of UTF-8.
    """
    content = read_bytes(path, most=most, error=error)
    try:
        return decoded(content)
    except ValueError as fault:
        raise error(f"{named(path)}: {fault}") from None


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, hexadecimal. Errors are those of `open_file`."""
    with open_file(path) as stream:
        try:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as fault:
            raise DataError(f"{named(path)}: {_reason(fault)}") from None


def decoded(content: bytes) -> str:
    """Returns the text of bytes, UTF-8 with or without a byte order mark.

    Raises:
        ValueError: they are no such text, or hold a zero byte; it says where.

    Reference:
        RFC 3629, of UTF-8.

    Example:
        >>> decoded("größer".encode("utf-8-sig"))
        'größer'
        >>> decoded("größer".encode("latin-1"))
        Traceback (most recent call last):
            ...
        ValueError: no UTF-8 text (byte 0xf6 at 2)
    """
    if content.startswith(UTF_16):
        raise ValueError("text in UTF-16; save it as UTF-8")
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as fault:
        byte = fault.object[fault.start]
        raise ValueError(f"no UTF-8 text (byte 0x{byte:02x} at {fault.start})") from None
    if "\0" in text:
        raise ValueError("no text: it holds zero bytes")
    return text


def named(path: Path) -> str:
    """Returns a path as a message of one line can hold it; one that no file has is cut.

    >>> named("clips/dog.mp4"), named("a" * 5000)[-24:]
    ('clips/dog.mp4', "aaa…' (5,000 characters)")
    """
    text = os.fsdecode(path)
    if len(text) > LONGEST_PATH:
        return quoted(text)
    return text if text.isprintable() else ascii(text)


def too_large(most: int) -> str:
    """Returns the words for what is larger than a number of bytes.

    >>> too_large(3 * 2**20), too_large(65536)
    ('larger than 3 MiB', 'larger than 64 KiB')
    """
    mebibytes = most >= 2**20 or most < 2**10
    return f"larger than {most >> 20} MiB" if mebibytes else f"larger than {most >> 10} KiB"


def _descriptor(path: str, _: int) -> int:
    return os.open(path, FLAGS)


def _check(state: os.stat_result, most: int | None) -> None:
    for is_kind, words in KINDS:
        if is_kind(state.st_mode):
            raise ValueError(f"{words}; a file is expected")
    if most is not None and state.st_size > most:
        raise ValueError(too_large(most))


def _reason(fault: OSError | ValueError) -> str:
    if isinstance(fault, OSError):
        return REASONS.get(fault.errno or 0) or fault.strerror or type(fault).__name__
    return "its name holds a zero byte" if "null byte" in str(fault) else str(fault)
