"""HDF5 in files of others: what a file of weights claims, before anybody loads it.

h5py is slow to import, and only weights need it: it is imported when it is needed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
KINDS = "biufSV"  # V: bfloat16, which HDF5 doesn't know
DEEPEST = 40
MOST = 100_000  # groups and data sets


def check_weights(stream: BinaryIO, *, unpacked: int | None = None) -> None:
    """Raises unless a file of weights holds what it claims.

    Weights are written as they are, one after another. So a data set that claims more than is
    stored of it was never written, or is compressed and may be of any size.

    Args:
        stream: of the file, from `kavc.inputs.opening.open_file`, or in memory; left anywhere.
        unpacked: bytes that all may claim where data sets may be compressed, as others publish
            them. None where they may not.

    Raises:
        ValueError: it is no HDF5, is damaged, leads out of itself, holds something else than
            numbers, or claims more than it holds.
    """
    import h5py

    size = stream.seek(0, 2)
    stream.seek(0)
    if stream.read(len(SIGNATURE)) != SIGNATURE:
        raise ValueError("no HDF5 file" if size else "it is empty")
    try:
        with h5py.File(stream, "r") as file:
            claimed = _Walk(packed=unpacked is not None).of(file, 0)
    except (OSError, RuntimeError, KeyError, TypeError, AttributeError, OverflowError) as fault:
        raise ValueError(" ".join(str(fault).split())) from None
    if claimed > (most := size if unpacked is None else unpacked):
        has = "has" if unpacked is None else "may have"
        raise ValueError(f"it claims {claimed:,} bytes of weights and {has} {most:,}")


class _Walk:
    """Follows the hard links of a file, each object once: they may lead back."""

    def __init__(self, *, packed: bool) -> None:
        self.seen: set[Any] = set()
        self.packed = packed

    def of(self, group: h5py.Group, depth: int) -> int:
        """Returns the bytes that all data sets below a group claim."""
        import h5py

        claimed = 0
        if depth > DEEPEST:
            raise ValueError("its groups are nested too deeply")
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{group.name}: {name!r} leads elsewhere; links are not followed")
            item = group[name]
            if item.id in self.seen:
                raise ValueError(f"{item.name}: there is a second way to it")
            self.seen.add(item.id)
            if len(self.seen) > MOST:
                raise ValueError(f"it holds more than {MOST:,} groups and data sets")
            if isinstance(item, h5py.Group):
                claimed += self.of(item, depth + 1)
            elif isinstance(item, h5py.Dataset):
                claimed += _claim(item, self.packed)
        return claimed


def _claim(item: h5py.Dataset, packed: bool) -> int:
    name = item.name
    if item.shape is None or item.dtype.kind not in KINDS:
        raise ValueError(f"{name} holds {item.dtype}; numbers are expected")
    if item.is_virtual or item.external:
        raise ValueError(f"{name} lies in other files, which are not read")
    claimed, stored = math.prod(item.shape) * item.dtype.itemsize, item.id.get_storage_size()
    if claimed > stored and not (packed and stored and item.compression):
        raise ValueError(f"{name} claims {claimed:,} bytes and has {stored:,}")
    return claimed
