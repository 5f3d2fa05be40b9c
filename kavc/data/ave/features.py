"""AVE's files of features: a row a video, of 10 seconds each.

That of the maps has 3.9 or 7.7 GiB: nothing here reads it whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kavc.data.ave import places
from kavc.data.ave.videos import SECONDS
from kavc.errors import DataError
from kavc.inputs.hdf5_arrays import Hdf5Array, open_array
from kavc.inputs.opening import named

KEY = "avadataset"
BLOCK_BYTES = 32 * 2**20  # of a file that are looked at together


@dataclass(frozen=True)
class Kind:
    """One kind of features.

    Args:
        file: of all videos.
        width: of a vector, as published.
        layer: of which network they are the output.
        cells: where there is a vector a cell of a map, the map's height and width.

    Reference:
        Tian et al., 2018.

    Example:
        >>> KINDS["visual_map"].shape(videos=4143, width=512)
        (4143, 10, 7, 7, 512)
    """

    file: str
    width: int
    layer: str
    cells: tuple[int, ...] = ()

    def shape(self, videos: int, width: int | None) -> tuple[int | None, ...]:
        """Returns the shape of its file."""
        return (videos, SECONDS, *self.cells, width)


KINDS = {
    "audio": Kind("audio_feature.h5", 128, "VGGish before its PCA, one vector a second"),
    "visual": Kind(
        "visual_feature_vec.h5", 512, "the mean over space of VGG-19's pool5, one vector a second"
    ),
    "visual_map": Kind(
        "visual_feature.h5", 512, "VGG-19's pool5, the mean of 16 frames a second", (7, 7)
    ),
}


class BadRow(DataError):
    """A row of features that can't be used.

    Args:
        file: of the features.
        row: its number.
        words: what is wrong, and what to do.

    Example:
        >>> BadRow(Path("audio_feature.h5"), 26, "NaN among its values").row
        26
    """

    def __init__(self, file: Path, row: int, words: str):
        super().__init__(file, row, words)
        self.file, self.row, self.words = file, row, words

    def __str__(self) -> str:
        return f"{named(self.file)}, row {self.row}: {self.words}"


class Features:
    """An array of features in its open file.

    Args:
        path: the folder.
        name: of the array, one of `KINDS`. Where there is no `visual_feature_vec.h5`, "visual" is
            computed from `visual_feature.h5`.
        videos: rows of the annotations.
        any_width: whether vectors may have another width than the published one.

    Attributes:
        file: that is read.
        width: of a vector.
        cells: of its map, as of `Kind`.

    Raises:
        DataError: as `kavc.inputs.hdf5_arrays.open_array`; or no file is there, or in two places.
    """

    def __init__(self, path: Path, name: str, videos: int, *, any_width: bool):
        self.file, stored = source_of(path, name)
        self.cells = KINDS[name].cells
        width = None if any_width else stored.width
        try:
            self._array: Hdf5Array = open_array(self.file, KEY, stored.shape(videos, width))
        except DataError as error:
            raise DataError(f"{error} ({stored.layer}, of {videos} videos)") from None
        self._pooled = stored.cells != self.cells
        self.width = self._array.shape[-1]

    def __len__(self) -> int:
        return len(self._array)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Reads the features of some videos.

        Args:
            rows: (videos,) integers.

        Returns:
            (videos, 10, ..., width) float32.

        Raises:
            BadRow: it has values that are not finite.
            DataError: the file is damaged.
        """
        values = finite(self._array.take(rows), rows, self.file)
        return pooled(values) if self._pooled else values

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yields the first row and (rows, 10, ..., width) float32 of parts of the file, in turn."""
        size = self._array.dtype.itemsize * int(np.prod(self._array.shape[1:]))
        at_once = max(1, BLOCK_BYTES // size)
        for start in range(0, len(self), at_once):
            rows = np.arange(start, min(start + at_once, len(self)))
            yield start, finite(self._array.take(rows), rows, self.file)


def source_of(path: Path, name: str) -> tuple[Path, Kind]:
    """Returns the file that an array is read from, and what it holds.

    Raises:
        DataError: it isn't there, or in two places.
    """
    kind = KINDS[name]
    if name == "visual" and places.find(path, kind.file) is None:
        maps = KINDS["visual_map"]
        if (found := places.find(path, maps.file)) is not None:
            return found, maps
        raise places.missing(path, (kind.file, maps.file), f"put one there ({kind.layer})")
    return places.need(path, kind.file, f"put it there ({kind.layer})"), kind


def finite(values: np.ndarray, rows: np.ndarray, file: Path) -> np.ndarray:
    """Returns features as float32.

    Raises:
        BadRow: not all are finite, as float32.

    Example:
        >>> finite(np.array([[0.5, np.inf]]), np.array([26]), Path("audio_feature.h5"))
        Traceback (most recent call last):
            ...
        kavc.data.ave.features.BadRow: audio_feature.h5, row 26: NaN or infinity among its values...
    """
    with np.errstate(over="ignore"):  # too large for float32 becomes infinity, refused here
        values = values.astype(np.float32, copy=False)
    good = np.isfinite(values)
    if not good.all():
        first = np.flatnonzero(~good.reshape(len(values), -1).all(axis=1))[0]
        raise BadRow(file, int(rows[first]), "NaN or infinity among its values; extract it again")
    return values


def pooled(maps: np.ndarray) -> np.ndarray:
    """Returns the means over the cells of maps, as `visual_feature_vec.h5` holds them.

    Args:
        maps: (..., height, width of the map, channels) float32.

    Returns:
        (..., channels) float32.

    Example:
        >>> pooled(np.ones((2, 10, 7, 7, 512), np.float32)).shape
        (2, 10, 512)
    """
    return maps.mean(axis=(-3, -2), dtype=np.float64).astype(np.float32)
