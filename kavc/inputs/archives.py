"""Zip archives of others: what their directory claims is checked before anything is unpacked."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from kavc.errors import DataError, KavcError
from kavc.inputs.opening import Path, named, open_file, too_large

MAX_DIRECTORY = 2**20  # bytes that the list of members may have: some ten thousand of them
STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
FREE = 64 * 2**20  # bytes that may be unpacked from however little
MOST_OVER = 100  # times the file's size that may be unpacked beyond that
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # an encrypted member
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


@contextlib.contextmanager
def open_archive(
    path: Path,
    kind: str,
    *,
    most: int | None = None,
    packed: bool = True,
    error: type[KavcError] = DataError,
) -> Iterator[zipfile.ZipFile]:
    """Yields an archive whose directory can be believed; what fails in the block names the file.

    Args:
        path: of the file.
        kind: what a message calls it, as ".npz".
        most: bytes that all members may take unpacked. None for as many as the file has.
        packed: whether members may be compressed.
        error: what is raised.

    Raises:
        KavcError: of the kind `error`: as `kavc.inputs.opening.open_file`; or it is no archive, is
            damaged, has a member twice or in another compression, or unpacks to too much.

    Reference:
        RFC 1951, of members that are compressed; no other way is read.
    """
    with open_file(path, error=error) as stream:
        try:
            _check_directory(stream)
            with zipfile.ZipFile(stream) as archive:
                _check_members(archive, stream.seek(0, 2), most, packed)
                yield archive
        except BROKEN as fault:
            if isinstance(fault, KavcError):
                raise
            reason = " ".join(str(fault).split()) or type(fault).__name__
            raise error(f"{named(path)}: not readable as {kind} ({reason})") from None


def check_whole(stream: IO[bytes]) -> None:
    """Reads what is left of a member, whose checksum is compared at its end; keeps nothing.

    Raises:
        BadZipFile: the checksum is another one.
    """
    while stream.read(2**20):
        pass


def _check_directory(stream: IO[bytes]) -> None:
    """Looks at the directory's size as `zipfile` does, which would make an object of each entry."""
    found = zipfile._EndRecData(stream)  # type: ignore[attr-defined]
    if not found:
        raise zipfile.BadZipFile("no archive, or cut at its end")
    size = found[zipfile._ECD_SIZE]  # type: ignore[attr-defined]
    if size > MAX_DIRECTORY:
        raise zipfile.BadZipFile(f"a directory of {size:,} bytes, far more members than expected")


def _check_members(archive: zipfile.ZipFile, size: int, most: int | None, packed: bool) -> None:
    members = archive.infolist()
    if len(archive.NameToInfo) < len(members):
        names = [member.filename for member in members]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise ValueError(f"it holds {twice!r} twice")
    for member in members:
        if member.compress_type not in ((STORED, DEFLATED) if packed else (STORED,)):
            raise ValueError(f"{member.filename!r} is compressed in a way that is not read")
        if member.flag_bits & 1:
            raise ValueError(f"{member.filename!r} is encrypted")
    unpacked = sum(member.file_size for member in members)
    if unpacked > (size if most is None else most):
        raise ValueError(f"{too_large(size if most is None else most)} unpacked")
    if unpacked > FREE and unpacked > MOST_OVER * size:
        raise ValueError(f"it unpacks to {unpacked:,} bytes, {unpacked // size} times its own")
