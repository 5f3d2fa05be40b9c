"""Arrays of NumPy in files of others: `.npz` and `.npy`, without pickle and within limits.

NumPy's own reader evaluates the header as Python; this one takes headers as NumPy writes them, of
numbers and text, and allocates nothing that the file does not hold.
"""

from __future__ import annotations

import math
import re
import struct
import sys
import zipfile
from dataclasses import dataclass
from typing import IO

import numpy as np

from kavc.errors import DataError, KavcError
from kavc.inputs.archives import FREE, check_whole, open_archive
from kavc.inputs.opening import Path, named, open_file

MAGIC = b"\x93NUMPY"
LENGTHS = {(1, 0): "<H", (2, 0): "<I", (3, 0): "<I"}  # of the header, by the format's version
MAX_HEADER = 2**13
MAX_AXES = 32
ENTRY = re.compile(r"\s*'(\w+)'\s*:\s*('[^']*'|\[.*\]|True|False|\([\dL,\s]*\))\s*(?:,|$)", re.S)
DTYPE = re.compile(r"'([<>|=]?[biufcSU]\d{1,9})'")
LARGEST = 2**62


@dataclass(frozen=True)
class Header:
    """What an `.npy` file says of itself.

    Args:
        dtype: of numbers or text.
        shape: of the array.
        fortran: whether its first axis is the one that lies together.

    Example:
        >>> Header(np.dtype("float32"), (10, 128), fortran=False).size  # bytes
        5120
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npz(
    path: Path, *, most: int | None, error: type[KavcError] = DataError
) -> dict[str, np.ndarray]:
    """Reads all arrays of an `.npz` file.

    Args:
        path: of the file.
        most: bytes that it may take unpacked; None for as many as the file has, uncompressed.
        error: what is raised.

    Returns:
        Name to array.

    Raises:
        KavcError: of the kind `error`: the file is missing, too large, pickled or damaged, claims
            more than it holds, or holds something else than arrays.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        ...     np.savez(file.name, audio=np.zeros((10, 128)))
        ...     {name: array.shape for name, array in read_npz(file.name, most=2**20).items()}
        {'audio': (10, 128)}
    """
    with open_archive(path, ".npz", most=most, error=error) as archive:
        members = archive.infolist()
        if not members:
            raise ValueError("it holds no array")
        for member in members:
            if not member.filename.endswith(".npy"):
                raise ValueError(f"{member.filename!r} in it is no array")
        if sum(member.file_size for member in members) > FREE:  # else damage shows soon enough
            for member in members:
                with archive.open(member) as stream:
                    check_whole(stream)
        return {
            member.filename.removesuffix(".npy"): _member(archive, member) for member in members
        }


def read_npy(path: Path, *, most: int, error: type[KavcError] = DataError) -> np.ndarray:
    """Reads an `.npy` file of at most `most` bytes. The rest is that of `read_npz`.

    Reference:
        Kern, 2007, NEP 1.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        ...     np.save(file.name, np.zeros((10, 128), "float32"))
        ...     read_npy(file.name, most=2**20).shape
        (10, 128)
    """
    with open_file(path, most=most, error=error) as stream:
        try:
            return _array(stream, _left(stream), "it")
        except (OSError, ValueError) as fault:
            raise _unreadable(path, fault, error) from None


def map_npy(path: Path, *, error: type[KavcError] = DataError) -> np.ndarray:
    """Maps an `.npy` file into memory, read-only. Errors are those of `read_npz`."""
    with open_file(path, error=error) as stream:
        try:
            size = _left(stream)
            header = read_header(stream, "it")
            _check_claim(header, size - stream.tell(), "it")
            if not header.size:
                return np.empty(header.shape, header.dtype)
            order = "F" if header.fortran else "C"
            start = stream.tell()
            return np.memmap(stream, header.dtype, "r", start, header.shape, order)  # type: ignore[call-overload]
        except (OSError, ValueError) as fault:
            raise _unreadable(path, fault, error) from None


def read_header(stream: IO[bytes], name: str) -> Header:
    """Reads the header of an array.

    Args:
        stream: at its beginning; left where the array's bytes begin.
        name: of the array, for messages.

    Raises:
        ValueError: it has none of NumPy's format, or one of objects or records.

    Reference:
        Kern, 2007, NEP 1, "A Simple File Format for NumPy Arrays"; versions 2 and 3 as in
        `numpy.lib.format`.

    Example:
        >>> import io
        >>> np.save(stream := io.BytesIO(), np.zeros((2, 3), "float32"))
        >>> _ = stream.seek(0)
        >>> read_header(stream, "features")
        Header(dtype=dtype('float32'), shape=(2, 3), fortran=False)
    """
    start = stream.read(8)
    if len(start) < 8 or not start.startswith(MAGIC):
        raise ValueError(f"{name} is no array of NumPy")
    version = (start[6], start[7])
    if version not in LENGTHS:
        raise ValueError(f"{name} has format version {version}")
    field = stream.read(struct.calcsize(LENGTHS[version]))
    if len(field) < struct.calcsize(LENGTHS[version]):
        raise ValueError(f"{name} ends inside its header")
    (length,) = struct.unpack(LENGTHS[version], field)
    if length > MAX_HEADER:
        raise ValueError(f"{name} claims a header of {length:,} bytes")
    text = stream.read(length).decode("latin-1")
    if len(text) < length:
        raise ValueError(f"{name} ends inside its header")
    return _header(text.strip(), name)


def _header(text: str, name: str) -> Header:
    found: dict[str, str] = {}
    inside = text[1:-1].rstrip() if text.startswith("{") and text.endswith("}") else "no header"
    while inside and (entry := ENTRY.match(inside)):
        found[entry[1]] = entry[2]
        inside = inside[entry.end() :]
    if inside.strip() or set(found) != {"descr", "fortran_order", "shape"}:
        raise ValueError(f"{name} has a header that is not NumPy's")
    if re.fullmatch(r"'[|<>=]?O\d*'", found["descr"]):
        raise ValueError(f"{name} holds pickled objects")
    kind = DTYPE.fullmatch(found["descr"])
    numbers = [number.strip().removesuffix("L") for number in found["shape"][1:-1].split(",")]
    shape = tuple(int(number) for number in numbers if number)
    if kind is None:
        raise ValueError(f"{name} holds {found['descr'][:40]}; numbers or text are expected")
    try:
        dtype = np.dtype(kind[1])
    except TypeError:
        raise ValueError(f"{name} holds {kind[1]}, no type of NumPy's") from None
    if len(shape) > MAX_AXES or math.prod(filter(None, shape)) * max(dtype.itemsize, 1) > LARGEST:
        raise ValueError(f"{name} claims the shape {str(shape)[:80]}")
    return Header(dtype, shape, found["fortran_order"] == "True")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        array = _array(stream, member.file_size, member.filename)
        check_whole(stream)
        return array


def _array(stream: IO[bytes], size: int, name: str) -> np.ndarray:
    header = read_header(stream, name)
    _check_claim(header, size - stream.tell(), name)
    content = bytearray()
    while len(content) < header.size:
        part = stream.read(min(header.size - len(content), 2**22))
        if not part:
            raise ValueError(f"{name} claims the shape {header.shape} and is shorter")
        content += part
    if not header.size:
        return np.empty(header.shape, header.dtype)
    array = np.frombuffer(content, header.dtype)
    _check_values(array, content, name)
    return array.reshape(header.shape, order="F" if header.fortran else "C")


def _check_claim(header: Header, size: int, name: str) -> None:
    """Raises unless what a header claims is what follows it, before anything is allocated."""
    if header.size > size:
        raise ValueError(f"{name} claims the shape {header.shape} and is shorter")
    if header.size < size:
        raise ValueError(f"{name} claims the shape {header.shape} and is longer")


def _check_values(array: np.ndarray, content: bytearray, name: str) -> None:
    """Refuses bytes that are no value of their type, which would fail or mislead later."""
    if array.dtype.kind == "b" and np.frombuffer(content, np.uint8).max() > 1:
        raise ValueError(f"{name} holds truth values that are neither 0 nor 1")
    if array.dtype.kind == "U":
        order = {"=": sys.byteorder[0]}.get(array.dtype.byteorder, array.dtype.byteorder)
        codes = np.frombuffer(content, ">u4" if order in (">", "b") else "<u4")
        if codes.max() > sys.maxunicode or np.any((codes >= 0xD800) & (codes < 0xE000)):
            raise ValueError(f"{name} holds text that is no Unicode")


def _left(stream: IO[bytes]) -> int:
    size = stream.seek(0, 2)
    stream.seek(0)
    return size


def _unreadable(path: Path, fault: Exception, error: type[KavcError]) -> KavcError:
    return error(f"{named(path)}: not readable as .npy ({fault})")
