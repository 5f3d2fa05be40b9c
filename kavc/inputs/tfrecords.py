"""TFRecord files of others: whether a file is one at all, and what it is if it isn't.

A record is its length (8 bytes), the length's checksum (4), the bytes and their checksum (4).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from mmap import mmap

from kavc.errors import DataError
from kavc.inputs.crc32c import masked_crc32c
from kavc.inputs.opening import Path, named, open_file

HEAD = 12  # bytes before a record's own: its length and the checksum of that
AROUND = 16  # with those behind
MAX_RECORD = 64 * 2**20
# How what is often saved in the place of a TFRecord file begins, and what helps.
OTHERS = (
    (b"\x1f\x8b", "compressed by gzip; gunzip it"),
    (b"PK\x03\x04", "a zip archive; unpack it"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it"),
    (b"BZh", "compressed by bzip2; unpack it"),
    (b"\xfd7zXZ", "compressed by xz; unpack it"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"version https://git-lfs", "a pointer of Git LFS; fetch what it points at"),
)
MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<error")


def open_records(path: Path) -> io.BufferedReader:
    """Opens a TFRecord file at its first record; the caller closes it.

    Raises:
        DataError: as `kavc.inputs.opening.open_file`; or the file is empty or no uncompressed
            TFRecord file; the message says what it is, and what to do.
    """
    stream = open_file(path)
    try:
        start = stream.read(64)
        if fault := what_else(start):
            raise DataError(f"{named(path)}: {fault}")
        stream.seek(0)
        return stream
    except BaseException:
        stream.close()
        raise


def first_record(path: Path) -> bytes:
    """Reads the first record of a file, at most 64 MiB, without TensorFlow: fifty times as fast.

    Raises:
        DataError: as `open_records`; or the record is cut off, or larger.
    """
    with open_records(path) as stream:
        (size,) = struct.unpack_from("<Q", stream.read(HEAD))
        content = stream.read(min(size, MAX_RECORD))
    if len(content) < size:
        cut = "cut off inside" if size <= MAX_RECORD else "larger than 64 MiB in"
        raise DataError(f"{named(path)}: {cut} record 0 (counted from 0); fetch or write it again")
    return content


def records_of(content: bytes | mmap, *, summed: bool = False) -> Iterator[bytes]:
    """Yields the records of a file's content, without TensorFlow.

    Its own reader ends the process where a length is vast.

    Args:
        content: of the file.
        summed: whether each record is known to fit its checksum, which takes 20 ms a megabyte.

    Raises:
        ValueError: the next one is damaged; it says how.

    Reference:
        TensorFlow, `core/lib/io/record_writer.h`.

    Example:
        >>> length, record = struct.pack("<Q", 5), b"hello"
        >>> sums = [struct.pack("<I", masked_crc32c(each)) for each in (length, record)]
        >>> list(records_of(length + sums[0] + record + sums[1]))
        [b'hello']
    """
    at, size = 0, len(content)
    while at < size:
        head = content[at : at + HEAD]
        if len(head) < HEAD:
            raise ValueError("truncated record")
        if not begins_record(head):
            raise ValueError("a length does not fit its checksum")
        end = at + AROUND + int.from_bytes(head[:8], "little")
        if end > size:
            raise ValueError("truncated record")
        record = content[at + HEAD : end - 4]
        if not summed and masked_crc32c(record) != int.from_bytes(content[end - 4 : end], "little"):
            raise ValueError("a record does not fit its checksum")
        yield record
        at = end


def what_else(start: bytes) -> str:
    """Returns what a file is that is no TFRecord file, by its first 64 bytes; "" if it is one.

    >>> what_else(b"<!DOCTYPE html><html>")
    'no TFRecord file but a web page, as of a download that failed; fetch it again'
    >>> what_else(bytes(12))[:40]
    'no TFRecord file, or damaged: the length'

    Reference:
        RFC 1952, section 2.3.1, and RFC 8878, section 3.1.1, of how gzip and zstd begin.
    """
    if not start:
        return "empty (0 bytes); fetch or write it again"
    if len(start) >= HEAD and begins_record(start):
        return ""
    for signature, words in OTHERS:
        if start.startswith(signature):
            return f"no TFRecord file but {words}"
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(MARKUP):
        return "no TFRecord file but a web page, as of a download that failed; fetch it again"
    if len(start) < HEAD:
        return f"cut off or damaged inside record 0 ({len(start)} bytes); fetch or write it again"
    return (
        "no TFRecord file, or damaged: the length of record 0 (counted from 0) does not fit its"
        " checksum; fetch or write the file again"
    )


def begins_record(head: bytes) -> bool:
    """Returns whether 12 bytes or more begin with a length and its checksum.

    >>> length = struct.pack("<Q", 5)
    >>> begins_record(length + struct.pack("<I", masked_crc32c(length))), begins_record(bytes(12))
    (True, False)
    """
    return struct.unpack_from("<I", head, 8)[0] == masked_crc32c(head[:8])
