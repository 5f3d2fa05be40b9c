"""A user's folder of arrays: one `.npz` a video, or a folder of `.npy` for each array."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kavc.data.features.header import check_array_name
from kavc.data.ids import spelling_hint
from kavc.errors import DataError, unknown
from kavc.inputs.arrays import read_npy, read_npz

MAX_BYTES = 256 * 2**20  # of one video
RESERVED = ("id", "labels", "theme")


class ArrayFolder:
    """The arrays of videos, in one of two forms.

        folder/ID.npz          all arrays of a video
        folder/NAME/ID.npy     each array by itself

    Args:
        path: the folder.
        names: optional. Name of an array in the corpus to its name in the files; all arrays of the
            first video, under their own names, if none are given.

    Raises:
        DataError: no such folder, nothing in it, both forms at once, or an unknown array.

    Example:
        folder = ArrayFolder("features", {"audio": "vggish"})
        {name: array.shape for name, array in folder.load("dog", "videos.csv, line 2").items()}
    """

    def __init__(self, path: str | os.PathLike, names: Mapping[str, str] | None = None):
        self.path = Path(path)
        if not self.path.is_dir():
            raise DataError(f"{path}: no such folder of .npz files")
        entries = sorted(self.path.iterdir())
        files = [entry.stem for entry in entries if entry.suffix == ".npz"]
        folders = [entry.name for entry in entries if entry.is_dir() and any(entry.glob("*.npy"))]
        if files and folders:
            raise DataError(f"{path}: has {files[0]}.npz and arrays in {folders[0]}/; one file a"
                            " video, or one folder an array, is expected")  # fmt: skip
        if not files and not folders:
            raise DataError(f"{path}: holds neither ID.npz, one a video, nor NAME/ID.npy")
        self.folders = folders
        self._files = files or sorted({f.stem for f in (self.path / folders[0]).glob("*.npy")})
        self.names = dict(names) if names else self._all_names()
        for name in self.names:
            check_array_name(name, self.path)
            if name in RESERVED:
                raise DataError(f"{path}: an array can't be called {name!r}, which has a meaning of"
                                f" its own; rename it: --array NEW={name}")  # fmt: skip

    def ids(self) -> list[str]:
        """Returns the ids of all videos, sorted by name: for want of a table."""
        return sorted(self._files)

    def load(self, id_: str, where: str) -> dict[str, np.ndarray]:
        """Reads the arrays of one video; floats as float32.

        Args:
            id_: the video's id, a plain file name.
            where: names what asks for it in messages.

        Raises:
            DataError: a file is missing, outside the folder, too large or damaged, or holds another
                kind of array.
        """
        if self.folders:
            found = {there: self._npy(there, id_, where) for there in self.names.values()}
        else:
            file = self._inside(self.path / f"{id_}.npz", where)
            found = read_npz(file, most=MAX_BYTES)
            for there in self.names.values():
                if there not in found:
                    raise DataError(f"{file}: no array {there!r}; it has {', '.join(found)}")
        return {
            name: _checked(found[there], f"{self.path / id_}: {there}")
            for name, there in self.names.items()
        }

    def _all_names(self) -> dict[str, str]:
        if self.folders:
            return {name: name for name in self.folders}
        return {
            name: name for name in read_npz(self.path / f"{self._files[0]}.npz", most=MAX_BYTES)
        }

    def _npy(self, there: str, id_: str, where: str) -> np.ndarray:
        if there not in self.folders:
            raise DataError(f"{self.path}: {unknown('array', there, self.folders)}")
        return read_npy(self._inside(self.path / there / f"{id_}.npy", where), most=MAX_BYTES)

    def _inside(self, file: Path, where: str) -> Path:
        if not file.is_file():
            there = {entry.name for entry in file.parent.iterdir()}
            raise DataError(f"{where}: there is no {file}{spelling_hint([file.name], there)}")
        if file.resolve().parent != file.parent.resolve():
            raise DataError(f"{where}: {file} leads out of the folder; links are not followed")
        return file


def _checked(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype.kind in "iu" and array.ndim == 1:
        return array
    if array.dtype.kind == "b" and array.ndim == 0 and where.endswith(": silent"):
        return array
    if array.dtype.kind != "f" or not array.ndim or not all(array.shape[1:]):
        raise DataError(f"{where} is {array.dtype} of shape {array.shape}; expected floats (rows,"
                        " width) or (width,), or whole numbers (any,)")  # fmt: skip
    with np.errstate(over="ignore"):  # too large for float32 becomes infinity, refused here
        floats = array.astype(np.float32)
    if not np.isfinite(floats).all():
        raise DataError(f"{where} holds NaN or infinity")
    return floats
