"""LLP's files of features, one a video and kind: what they must hold, and reading one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kavc.data.llp.truth import SECONDS
from kavc.errors import DataError
from kavc.inputs.arrays import read_npy

MAX_BYTES = 16 * 2**20  # of one file; (80, 2048) float64 takes 1.3 MB


@dataclass(frozen=True)
class Kind:
    """One kind of features.

    Args:
        folder: in which its files lie, as ID.npy.
        width: of a row, as published.
        rows: that a file has, as published; it may also have 10, their means second by second.
        layer: of which network they are the output.
        hint: what else a file may be that has another shape.

    Reference:
        Tian et al., 2020; Lamba et al., 2021, section 4.

    Example:
        >>> KINDS["visual"].rows, KINDS["visual"].width
        (80, 2048)
    """

    folder: str
    width: int
    rows: int
    layer: str
    hint: str = ""


KINDS = {
    "audio": Kind(
        "vggish", 128, SECONDS,
        "the VGGish embedding after the last fully connected layer, one a second",
        "; the (10, 6, 4, 512) of its last convolution are another layer's",
    ),
    "visual": Kind(
        "res152", 2048, 8 * SECONDS, "ResNet-152 after global average pooling, 8 frames a second"
    ),
    "visual_3d": Kind(
        "r2plus1d_18", 512, SECONDS, "R(2+1)D-18 after pooling, one clip of 8 frames a second"
    ),
}  # fmt: skip


def misfit(kind: Kind, width: int, shape: tuple[int, ...], dtype: np.dtype) -> str:
    """Returns what is wrong with an array of this kind; "" if nothing is.

    Args:
        kind: of the features.
        width: that a row must have.
        shape, dtype: of the array.

    Example:
        >>> misfit(KINDS["audio"], 128, (10, 128), np.dtype("float32"))
        ''
        >>> misfit(KINDS["visual"], 2048, (72, 2048), np.dtype("float32"))[:40]
        '72 rows, (80, 2048) is expected, ResNet-'
    """
    wanted = f"({kind.rows}, {width}) is expected, {kind.layer}"
    if len(shape) == 2 and shape[1] == width and 0 < shape[0] < kind.rows != SECONDS != shape[0]:
        return (
            f"{shape[0]} rows, {wanted}: repeat the last row until there are {kind.rows}, or"
            " extract it again"
        )
    if len(shape) != 2 or shape[1] != width or shape[0] not in (kind.rows, SECONDS):
        also = "" if kind.rows == SECONDS else f" (or its means second by second, {SECONDS} rows)"
        return f"shape {shape}, {wanted}{also}{kind.hint}: extract it again"
    if dtype.kind != "f":
        return f"{dtype}, floats are expected: extract it again"
    return ""


def load(file: Path, kind: Kind, width: int) -> np.ndarray:
    """Reads the features of a video, one row a second.

    Args:
        file: an `.npy` file.
        kind: of its features.
        width: of a row.

    Returns:
        (10, width) float32. Of 80 rows, the means of 8.

    Raises:
        DataError: as `kavc.inputs.arrays.read_npy`; or another shape, or values that are not
            finite.
    """
    array = read_npy(file, most=MAX_BYTES)
    if wrong := misfit(kind, width, array.shape, array.dtype):
        raise DataError(f"{file}: {wrong}")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinity, refused here
        rows = pooled(array).astype(np.float32)
    if not np.isfinite(rows).all():
        raise DataError(f"{file}: NaN or infinity among its values; extract it again")
    return rows


def pooled(rows: np.ndarray) -> np.ndarray:
    """Returns the means of rows that lie in one second.

    Linear layers commute with means, so that HAN, which takes 80 rows and means after its first
    layer, computes the same from these 10.

    Args:
        rows: (10 n, width).

    Returns:
        (10, width) float64, or `rows` as they are if there are 10.

    Reference:
        HAN is that of Tian et al., 2020.

    Example:
        >>> pooled(np.arange(20.0)[:, None]).ravel().tolist()
        [0.5, 2.5, 4.5, 6.5, 8.5, 10.5, 12.5, 14.5, 16.5, 18.5]
    """
    if len(rows) == SECONDS:
        return rows
    return rows.reshape(SECONDS, -1, rows.shape[1]).mean(axis=1, dtype=np.float64)
