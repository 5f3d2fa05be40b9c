"""Labels of training videos that come from elsewhere: another network, or a corpus' truth.

A file of them is an npz archive with

    ids         (videos,) bytes or text, as the data have them

and one of

    segments    (videos, segments, 2, classes) float, in [0, 1]: audio, then visual; the classes in
                the order of the data
    modalities  (videos, 2, classes) bool: which labels of the video each modality keeps

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
    """Writes a file of labels of segments, whole or not at all.

    Args:
        path: of the file.
        ids: (videos,) of the videos.
        segments: (videos, segments, 2, classes), in [0, 1].

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "labels.npz"
        ...     write(path, [b"a"], np.full((1, 10, 2, 25), 0.5, np.float32))
        ...     read(path, [b"a"], segments=10, classes=25).shape
        (1, 10, 2, 25)
    """
    write_npz(Path(path), {"ids": np.asarray(ids, np.bytes_), "segments": np.asarray(segments)})


def write_modalities(path: str | os.PathLike, ids: Sequence[bytes], modalities: np.ndarray) -> None:
    """Writes a file of the labels that each modality keeps, whole or not at all.

    Args:
        path: of the file.
        ids: (videos,) of the videos.
        modalities: (videos, 2, classes), True or False.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "refined.npz"
        ...     write_modalities(path, [b"a"], np.array([[[True, True], [True, False]]]))
        ...     read_modalities(path, [b"a"], labels=np.array([[1, 1]])).tolist()
        [[[True, True], [True, False]]]
    """
    kept = np.asarray(modalities, bool)
    write_npz(Path(path), {"ids": np.asarray(ids, np.bytes_), "modalities": kept})


def digest(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file, hexadecimal.

    Raises:
        DataError: it can't be read or is too large.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "labels.npz"
        ...     _ = path.write_bytes(b"")
        ...     digest(path)[:8]
        'e3b0c442'
    """
    return hashlib.sha256(read_bytes(Path(path), most=MAX_BYTES)).hexdigest()


def read(path: str | os.PathLike, ids: Sequence[bytes], segments: int, classes: int) -> np.ndarray:
    """Reads the labels of some videos' segments.

    Args:
        path: of the file.
        ids: of the videos.
        segments, classes: as the data have them.

    Returns:
        (videos, segments, 2, classes) float32, in the order of `ids`.

    Raises:
        DataError: the file is damaged or of another shape, or a video is not in it.
    """
    labels, rows = _read(Path(path), ids, "segments", (segments, 2, classes), "f", "floats")
    if not ((labels >= 0) & (labels <= 1)).all():
        raise DataError(f"{path}: 'segments' must lie in 0 to 1")
    return labels[rows].astype(np.float32)


def read_modalities(
    path: str | os.PathLike, ids: Sequence[bytes], labels: np.ndarray
) -> np.ndarray:
    """Reads which labels of some videos each modality keeps.

    Args:
        path: of the file.
        ids: of the videos.
        labels: (videos, classes), 1 where a video has a label.

    Returns:
        (videos, 2, classes) bool, in the order of `ids`, audio first.

    Raises:
        DataError: as `read`, or a modality has a label that the video hasn't.
    """
    kept, rows = _read(Path(path), ids, "modalities", (2, labels.shape[1]), "b", "truth values")
    kept = kept[rows]
    foreign = (kept & (labels[:, None] <= 0)).any(axis=(1, 2))
    if foreign.any():
        raise DataError(
            f"{path}: video {shown(ids[int(foreign.argmax())])!r} has a label there that it doesn't"
            f" have in the data ({int(foreign.sum())} of {len(ids)} have one); refined labels are "
            "some of a video's own"
        )
    return kept


def _read(
    path: Path, ids: Sequence[bytes], name: str, shape: tuple[int, ...], kind: str, expected: str
) -> tuple[np.ndarray, list[int]]:
    """Returns an array of a file and its rows of some videos."""
    found = read_npz(path, most=MAX_BYTES)
    for field in ("ids", name):
        if field not in found:
            raise DataError(f"{path}: holds no {field!r}; expected ids and {name}")
    labels = found[name]
    shape = (len(found["ids"]), *shape)
    if labels.shape != shape or labels.dtype.kind != kind:
        raise DataError(
            f"{path}: {name!r} is {labels.dtype} of shape {labels.shape}; expected {expected} "
            f"{shape}"
        )
    names = [id_.encode() if isinstance(id_, str) else bytes(id_) for id_ in found["ids"].tolist()]
    place = {id_: row for row, id_ in enumerate(names)}
    missing = [id_ for id_ in ids if bytes(id_) not in place]
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of {len(ids)} training videos have no labels, such as "
            f"{shown(missing[0])!r}; label each, or leave it out by a splits file (--splits)"
        )
    return labels, [place[bytes(id_)] for id_ in ids]
