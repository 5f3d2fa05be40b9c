"""The arrays that a report was computed from, as one `.npz` file without pickles."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.files import write_npz

KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
KINDS = "biufSU"
MAX_BYTES = 2 * 2**30
BROKEN = (zipfile.BadZipFile, zlib.error)


def check_predictions(arrays: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """Returns `arrays` as NumPy arrays that a file can hold.

    Raises:
        DataError: a name is no plain word, or an array holds neither numbers nor text.
    """
    checked = {}
    for name, array in arrays.items():
        array = np.asarray(array)
        if not KEY.fullmatch(name) or name in ("file", "allow_pickle"):
            raise DataError(f"predictions have an array {name!r}, expected a plain word as name")
        if array.dtype.kind not in KINDS:
            raise DataError(
                f"predictions[{name!r}] have dtype {array.dtype}, expected numbers or text"
            )
        checked[name] = array
    return checked


def write_predictions(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays to a compressed `.npz` file, whole."""
    write_npz(path, check_predictions(arrays), compressed=True)


def read_predictions(path: str | Path) -> dict[str, np.ndarray]:
    """Reads what `write_predictions` wrote.

    Raises:
        DataError: the file is missing, damaged, holds objects, or unpacks to over 2 GiB.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise DataError(f"unpacks to {size:,} bytes, expected up to {MAX_BYTES:,}")
        with np.load(path, allow_pickle=False) as arrays:
            return check_predictions(arrays)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; evaluate the run again") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (OSError, ValueError, EOFError, RuntimeError, MemoryError, *BROKEN) as error:
        raise DataError(f"{path}: not readable as arrays ({error})") from None
