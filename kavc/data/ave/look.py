"""A look at a whole file of features: its fingerprint, and where there is nothing in it.

The maps take a minute or so from a disk; so a process looks once at a file, for as long as that
stays the same.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kavc.data.ave.features import Features, source_of
from kavc.inputs.opening import check_file, sha256


@dataclass(frozen=True)
class Looked:
    """What a look at a file of features tells.

    Args:
        file: its name.
        digest: SHA-256 of its bytes, hexadecimal.
        width: of a vector.
        zero: how many seconds are nothing but zeros.
        silent: rows of the videos all of whose seconds are.
    """

    file: str
    digest: str
    width: int
    zero: int
    silent: frozenset[int]


def look(path: Path, name: str, videos: int, *, any_width: bool) -> Looked:
    """Looks at the file that an array is read from.

    Args:
        path, name, videos, any_width: as of `kavc.data.ave.features.Features`.

    Raises:
        DataError: as `kavc.data.ave.features.Features` and its `read`.
    """
    file, _ = source_of(path, name)
    state = check_file(file)
    return _looked_at(path, name, videos, any_width, (file, state.st_size, state.st_mtime_ns))


@functools.lru_cache(maxsize=16)
def _looked_at(path: Path, name: str, videos: int, any_width: bool, state: tuple) -> Looked:
    del state
    features = Features(path, name, videos, any_width=any_width)
    zero, silent = 0, []
    for start, values in features.blocks():
        nothing = ~values.reshape(*values.shape[:2], -1).any(axis=2)
        zero += int(nothing.sum())
        silent += (start + np.flatnonzero(nothing.all(axis=1))).tolist()
    file = features.file
    return Looked(file.name, sha256(file), features.width, zero, frozenset(silent))
