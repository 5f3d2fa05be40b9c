"""Arrays of NumPy in files of others: `.npz` and `.npy`, without pickle and within limits."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from kavc.errors import DataError

HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # an encrypted member
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: str | os.PathLike, *, most: int) -> dict[str, np.ndarray]:
    """Reads all arrays of an `.npz` file.

    Args:
        path: of the file.
        most: bytes that it may take unpacked.

    Returns:
        Name to array.

    Raises:
        DataError: the file is missing, too large, pickled or damaged, or claims more than it holds.
    """
    path = Path(path)
    _check_there(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > most:
                raise DataError(f"{path}: larger than {most >> 20} MiB unpacked")
            return {
                member.filename.removesuffix(".npy"): _member(archive, member)
                for member in archive.infolist()
            }
    except BROKEN as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not readable as .npz ({error})") from None


def read_npy(path: str | os.PathLike, *, most: int) -> np.ndarray:
    """Reads an `.npy` file.

    Args:
        path: of the file.
        most: bytes that it may have.

    Raises:
        DataError: as `read_npz`.
    """
    path = Path(path)
    _check_there(path)
    size = path.stat().st_size
    if size > most:
        raise DataError(f"{path}: larger than {most >> 20} MiB")
    try:
        with open(path, "rb") as stream:
            _check_claim(stream, size, path.name)
            stream.seek(0)
            return np.lib.format.read_array(stream, allow_pickle=False)
    except BROKEN as error:
        raise DataError(f"{path}: not readable as .npy ({error})") from None


def _check_there(path: Path) -> None:
    if not path.is_file():  # also no device and no FIFO, which would be read for ever
        raise DataError(f"{path}: no such file")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        _check_claim(stream, member.file_size, member.filename)
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _check_claim(stream: IO[bytes], size: int, name: str) -> None:
    """Raises unless what a header claims fits the size, before anything is allocated."""
    version = np.lib.format.read_magic(stream)
    if version not in HEADERS:
        raise ValueError(f"{name} has format version {version}")
    shape, _, dtype = HEADERS[version](stream)
    if dtype.hasobject:
        raise ValueError(f"{name} holds pickled objects")
    if math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"{name} claims the shape {shape} and is shorter")
