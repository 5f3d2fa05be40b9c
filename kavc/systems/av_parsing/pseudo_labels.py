"""Labels of training segments that come from elsewhere: another network, or a corpus' truth.

A file of them is an npz archive with

    ids        (videos,) bytes or text, as the data have them
    segments   (videos, segments, 2, classes) float, in [0, 1]: audio, then visual; the classes in
               the order of the data

Videos that are not in the training split are left out; each that is must be there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kavc.data.ids import shown
from kavc.errors import DataError
from kavc.files import write_npz
from kavc.inputs.arrays import read_npz
from kavc.inputs.opening import read_bytes

MAX_BYTES = 2 * 2**30


def write(path: str | os.PathLike, ids: Sequence[bytes], segments: np.ndarray) -> None:
    """Writes a file of labels, whole or not at all.

    Args:
        path: of the file.
        ids: (videos,) of the videos.
        segments: (videos, segments, 2, classes), in [0, 1].
    """
    write_npz(Path(path), {"ids": np.asarray(ids, np.bytes_), "segments": np.asarray(segments)})


def digest(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file, hexadecimal.

    Raises:
        DataError: it can't be read or is too large.
    """
    return hashlib.sha256(read_bytes(Path(path), most=MAX_BYTES)).hexdigest()


def read(path: str | os.PathLike, ids: Sequence[bytes], segments: int, classes: int) -> np.ndarray:
    """Reads the labels of some videos.

    Args:
        path: of the file.
        ids: of the videos.
        segments, classes: as the data have them.

    Returns:
        (videos, segments, 2, classes) float32, in the order of `ids`.

    Raises:
        DataError: the file is damaged or of another shape, or a video is not in it.
    """
    path = Path(path)
    found = read_npz(path, most=MAX_BYTES)
    for name in ("ids", "segments"):
        if name not in found:
            raise DataError(f"{path}: holds no {name!r}; expected ids and segments")
    labels = found["segments"]
    shape = (len(found["ids"]), segments, 2, classes)
    if labels.shape != shape or labels.dtype.kind != "f":
        raise DataError(
            f"{path}: 'segments' is {labels.dtype} of shape {labels.shape}; expected floats {shape}"
        )
    if not ((labels >= 0) & (labels <= 1)).all():
        raise DataError(f"{path}: 'segments' must lie in 0 to 1")
    names = [id_.encode() if isinstance(id_, str) else bytes(id_) for id_ in found["ids"].tolist()]
    place = {id_: row for row, id_ in enumerate(names)}
    missing = [id_ for id_ in ids if bytes(id_) not in place]
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of {len(ids)} training videos have no labels, such as "
            f"{shown(missing[0])!r}; label each, or leave it out by a splits file (--splits)"
        )
    return labels[[place[bytes(id_)] for id_ in ids]].astype(np.float32)
