"""HDF5 in files of others: one array of numbers, whose rows are read as they are asked for.

Two libraries read it, to the same numbers. tensorflow-io has the whole of an array in a third of
the time; each of its calls takes half a millisecond, whatever it reads, those of h5py a tenth of
that. So runs of rows are tensorflow-io's, and rows from here and there are h5py's, as is all that
tensorflow-io can't read. Version 0.37.1, its last, ends the process where it can't open a file, so
that is tried first.
"""

from __future__ import annotations

import fcntl
import functools
import itertools
import math
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from kavc.errors import ConfigError, DataError, unknown
from kavc.inputs.hdf5 import SIGNATURE
from kavc.inputs.opening import Path, named, open_file

if TYPE_CHECKING:
    import h5py

NATIVE, H5PY = ENGINES = ("tensorflow-io", "h5py")
MAX_AXES = 4  # that tensorflow-io 0.37.1 reads: five end the process
TYPES = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]
TYPES += [np.dtype("f4"), np.dtype("f8")]  # in this order of bytes: it takes others for these
MAX_CHUNK = 256 * 2**20  # bytes of what must be unpacked for a single row
NAMED = 10  # keys that a message names
FAULTS = (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, OverflowError)
_NUMBERS = itertools.count()
_ONE_AT_A_TIME = threading.Lock()  # tensorflow-io's HDF5 knows no threads


class Hdf5Array:
    """An array in an HDF5 file, as `open_array` makes it.

    The file stays open until `close`, or until nobody holds the array. What is read is the file
    that was opened, also after another took its place.

    Attributes:
        path: of the file.
        key: of the array in it.
        shape: of the array.
        dtype: of its numbers, in the byte order of this machine.
    """

    def __init__(self, path: Path, key: str, stream: BinaryIO, item: h5py.Dataset):
        self.path, self.key = path, key
        self.shape: tuple[int, ...] = item.shape
        self.dtype: np.dtype = item.dtype.newbyteorder("=")
        self._stream, self._item = stream, item
        self._closed = weakref.finalize(self, _close, item.file, stream)
        self._engine: str | None = None
        self._place = os.path.abspath(path)
        # tensorflow-io keeps the last file open, and locked, under a name. Were it the path, a file
        # that took its place would be read as the old one.
        self._name = f"kavc-{next(_NUMBERS)}"

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Reads the rows from `start` to before `stop`: (stop - start, ...) of `dtype`.

        Raises:
            DataError: the file is damaged there.
            IndexError: there are no such rows.
        """
        return self.take(np.arange(start, stop))

    def take(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Reads some rows, in the order in which they are given: (rows, ...) of `dtype`.

        Args:
            rows: from 0 on; one may come more than once.

        Raises:
            DataError, IndexError: as `rows`.
        """
        rows = np.asarray(rows, np.int64)
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {len(self)}")
        ends = [*(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        read = {NATIVE: self._native, H5PY: self._plain}[self._pick(len(ends))]
        found, done = np.empty((len(rows), *self.shape[1:]), self.dtype), 0
        for end in ends if len(rows) else ():
            start = int(rows[done])
            found[done:end] = read(start, start + end - done)
            done = end
        return found

    def close(self) -> None:
        """Closes the file."""
        self._closed()

    def __enter__(self) -> Hdf5Array:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pick(self, runs: int) -> str:
        """Returns which library reads so many runs of rows."""
        suits = runs == 1 and not self._unfit and self._is_within_reach()
        return self._engine or (NATIVE if suits else H5PY)

    @functools.cached_property
    def _unfit(self) -> str:
        """Why tensorflow-io doesn't read the array; "" if it does."""
        item = self._item
        if item.ndim > MAX_AXES:
            return f"{item.ndim} axes end the process; it reads {MAX_AXES} at most"
        if item.dtype not in TYPES:
            return f"it misreads or refuses {item.dtype.str}"
        alone = len(item.file) == 1 and "/" not in self.key
        if item.id.get_create_plist().get_nfilters() or not alone:
            return "the array is compressed or not alone in its file"  # all of which it looks at
        return "" if _native_read() else "its operations do not load"

    def _is_within_reach(self) -> bool:
        """Whether tensorflow-io can open the file: it is in its place and can be locked."""
        number = self._stream.fileno()
        try:
            fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(number, fcntl.LOCK_UN)
            return os.path.samestat(os.stat(self._place), os.fstat(number))
        except OSError:
            return False

    def _plain(self, start: int, stop: int) -> np.ndarray:
        try:
            return self._item[start:stop]
        except FAULTS as fault:
            raise self._damaged(start, stop, fault) from None

    def _native(self, start: int, stop: int) -> np.ndarray:
        import tensorflow as tf

        read = _native_read()
        try:
            if read is None or not self._is_within_reach():
                raise OSError("its place is another's, or a process that writes it holds it")
            with _ONE_AT_A_TIME, tf.init_scope(), tf.device("CPU:0"):
                found = read(
                    input=f"/proc/self/fd/{self._stream.fileno()}", component=f"/{self.key}",
                    shared=self._name, container="kavc", dtype=tf.as_dtype(self.dtype),
                    shape=list(self.shape), start=[start], stop=[stop],
                )  # fmt: skip
                return found.numpy()
        except (OSError, tf.errors.OpError) as fault:
            raise self._damaged(start, stop, fault) from None

    def _damaged(self, start: int, stop: int, fault: Exception) -> DataError:
        reason = " ".join(str(fault).split())
        return DataError(f"{named(self.path)}: rows {start} to {stop - 1} of {self.key!r} are not"
                         f" readable ({reason}); copy the file again")  # fmt: skip


def _close(file: h5py.File, stream: BinaryIO) -> None:
    file.close()
    stream.close()


def open_array(
    path: Path, key: str, shape: Sequence[int | None], *, engine: str | None = None
) -> Hdf5Array:
    """Opens an array of an HDF5 file; reads none of its values.

    Args:
        path: of the file.
        key: name of the array, after those of the groups that it is in: "group/array".
        shape: that it must have; None for an axis of any length.
        engine: optional. "tensorflow-io" or "h5py" reads it; else what suits each call.

    Raises:
        DataError: as `kavc.inputs.opening.open_file`; or it is no HDF5, has no such array, or one
            that lies elsewhere, holds no numbers, has another shape, or was not written whole.
        ConfigError: no such engine, or it can't read the array.

    Example:
        with open_array("audio_feature.h5", "avadataset", (None, 10, 128)) as audio:
            first = audio.rows(0, 32)
    """
    if engine not in (None, *ENGINES):
        raise ConfigError(unknown("engine", str(engine), ENGINES))
    stream = open_file(path)
    try:
        found = Hdf5Array(path, key, stream, _checked(stream, key, shape))
    except FAULTS as fault:
        stream.close()
        reason = fault.args[0] if isinstance(fault, KeyError) else fault
        raise DataError(f"{named(path)}: {' '.join(str(reason).split())}") from None
    if engine == NATIVE and found._unfit:
        found.close()
        raise ConfigError(f"{named(path)}: tensorflow-io can't read {key!r}: {found._unfit}")
    found._engine = engine
    return found


@functools.cache
def _native_read() -> Callable[..., Any] | None:
    """Returns the operation of tensorflow-io that reads; None where there is none.

    Beside another TensorFlow than 2.16 and 2.17 it can be imported and has no operations.
    `IOTensor` names the open file by its path, and looks at all that is in it first.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from tensorflow_io.python.ops import core_ops

            return core_ops.io_hdf5_readable_read
        except (ImportError, NotImplementedError, AttributeError, OSError):
            return None


def _checked(stream: BinaryIO, key: str, shape: Sequence[int | None]) -> h5py.Dataset:
    """Returns a data set that holds what it must.

    Raises:
        ValueError, or what h5py raises.
    """
    import h5py

    size = stream.seek(0, 2)
    stream.seek(0)
    if stream.read(len(SIGNATURE)) != SIGNATURE:
        raise ValueError("no HDF5 file" if size else "it is empty; an HDF5 file is expected")
    item: Any = h5py.File(stream, "r")
    for name in key.split("/"):
        names = list(item) if isinstance(item, h5py.Group) else []
        if name not in names:
            there = ", ".join(map(repr, names[:NAMED])) + ", ..." * (len(names) > NAMED)
            where = "it" if item is None or item.name == "/" else repr(item.name)
            raise ValueError(f"no array {key!r} in it; {where} holds {there or 'nothing'}")
        item = item[name] if isinstance(item.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(item, h5py.Dataset):
        raise ValueError(f"{key!r} is a group, or leads elsewhere; an array is expected")
    if item.shape is None or item.dtype.kind not in "fiu":
        raise ValueError(f"{key!r} holds {item.dtype}; numbers are expected")
    if len(item.shape) != len(shape) or any(
        wanted not in (None, found) for wanted, found in zip(shape, item.shape, strict=True)
    ):
        wanted = str(tuple(shape)).replace("None", "any")
        raise ValueError(f"{key!r} has the shape {item.shape}, {wanted} is expected")
    _check_storage(item, size)
    return item


def _check_storage(item: h5py.Dataset, size: int) -> None:
    """Raises unless what an array claims is stored in its file, of `size` bytes."""
    if item.is_virtual or item.external:
        raise ValueError(f"{item.name} lies in other files, which are not read")
    claimed, stored = math.prod(item.shape) * item.dtype.itemsize, item.id.get_storage_size()
    filters = item.id.get_create_plist().get_nfilters()
    pieces = math.prod(-(-n // c) for n, c in zip(item.shape, item.chunks or (), strict=False))
    if item.chunks and math.prod(item.chunks) * item.dtype.itemsize > MAX_CHUNK:
        raise ValueError(f"{item.name} lies in pieces of {item.chunks}, larger than"
                         f" {MAX_CHUNK >> 20} MiB; write it in smaller ones")  # fmt: skip
    if (item.id.get_offset() or 0) + stored > size:
        raise ValueError(f"{item.name} claims {stored:,} bytes, more than the file has")
    if item.id.get_num_chunks() < pieces if filters else claimed > stored:
        raise ValueError(f"{item.name} claims {claimed:,} bytes and {stored:,} are stored: it was"
                         " not written whole")  # fmt: skip
