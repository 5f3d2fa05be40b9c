"""A look at the ends of LLP's files of features: 35,547 of them, 8 GB, in seconds.

Their headers tell whether they hold what they must; their first and last bytes tell them apart.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kavc.data.llp.features import Kind, misfit
from kavc.errors import DataError
from kavc.inputs.arrays import Header, read_header
from kavc.inputs.opening import named, open_file

END = 4096  # bytes that are read at the beginning of a file, and at its end
WHOLE = 16384  # a file of so many is read whole, as all of VGGish are
AT_ONCE = 256  # files of one task of a thread
THREADS = 8  # more than there are cores: they wait for disks


@dataclass(frozen=True)
class Ends:
    """What the ends of a file tell.

    Args:
        header: of the array.
        digest: SHA-256 of the file's size, first and last bytes.
        zero: whether its values are all zero; False of a file that is not read whole.
    """

    header: Header
    digest: bytes
    zero: bool


def read_ends(files: Sequence[Path]) -> list[Ends]:
    """Reads the ends of files, in threads.

    Raises:
        DataError: as `kavc.inputs.opening.open_file`; or one is no array of NumPy, or shorter or
            longer than it says.
    """
    parts = [files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE)]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(itertools.chain.from_iterable(pool.map(_of_files, parts)))


def _of_files(files: Sequence[Path]) -> list[Ends]:
    return [_of_file(file) for file in files]


def _of_file(file: Path) -> Ends:
    with open_file(file) as stream:
        try:
            header = read_header(stream, "it")
            start, size = stream.tell(), stream.seek(0, 2)
            if header.size != size - start:
                longer = "longer" if header.size < size - start else "shorter: copy it again"
                raise ValueError(f"it claims the shape {header.shape} and is {longer}")
            stream.seek(0)
            content = stream.read(WHOLE if size <= WHOLE else END)
            stream.seek(max(len(content), size - END))
            digest = hashlib.sha256(f"{size}\n".encode() + content + stream.read())
        except (OSError, ValueError) as fault:
            raise DataError(f"{named(file)}: not readable as .npy ({fault})") from None
    values = np.frombuffer(content[start:], header.dtype) if size <= WHOLE else np.ones(1)
    return Ends(header, digest.digest(), not values.any())


def check(files: Sequence[Path], ends: Sequence[Ends], kind: Kind, width: int) -> None:
    """Raises if files hold something else than one kind of features.

    Args:
        files: of that kind.
        ends: of each.
        kind: of features.
        width: that a row must have.

    Raises:
        DataError: it names the first file, what it holds and what is expected, and says how many
            more do not fit.
    """
    headers = [end.header for end in ends]
    told = [misfit(kind, width, header.shape, header.dtype) for header in headers]
    wrong = [(file, words) for file, words in zip(files, told, strict=True) if words]
    if wrong:
        file, words = wrong[0]
        more = len(wrong) - 1
        others = f"; {more} more of {len(files)} files there do not fit either" if more else ""
        raise DataError(f"{file}: {words}{others}")
