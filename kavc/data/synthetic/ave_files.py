"""HDF5 files as AVE's are published: one array each, contiguous, not compressed.

HDF5 ends the process on a full disk. So it makes small files in memory, and of large ones the
frame alone; their values are written as any file is.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np


def write_array(path: Path, key: str, values: np.ndarray) -> None:
    """Writes a file of one array, from memory."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file[key] = values
    path.write_bytes(content.getbuffer())


class RowsFile:
    """Writes the rows of one array in turn.

    Args:
        path: new file.
        key: of the array.
        shape: of the array, (rows, ...); float32.
    """

    def __init__(self, path: Path, key: str, shape: tuple[int, ...]):
        with h5py.File(path, "w") as file:
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)  # has a place, which is not written
            plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            plist.set_obj_track_times(False)  # the same corpus is the same bytes
            made = h5py.h5d.create(
                file.id, key.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(shape), plist
            )
            start = made.get_offset()
        self._stream: BinaryIO = path.open("r+b")
        self._stream.seek(start)

    def write(self, row: np.ndarray) -> None:
        """Writes the next row, of the shape of one.

        Raises:
            OSError: as any writing of a file.
        """
        self._stream.write(np.ascontiguousarray(row, "<f4").data)

    def __enter__(self) -> RowsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
