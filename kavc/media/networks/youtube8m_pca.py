"""YouTube-8M's principal components: what becomes of 2,048 numbers of Inception for each frame.

    2048 -> less the mean -> eigenvectors, the first 1,024 -> through the deviation -> 8 bits

The matrices are published (`yt8m_pca.tgz`, named by google/youtube-8m); they were made of the
graph of Inception of December 2015, see `kavc.media.networks.inception_v3`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kavc.errors import DataError
from kavc.inputs.arrays import read_npy, read_npz
from kavc.inputs.opening import named

GIVEN, KEPT = 2048, 1024
ADDED = 1e-4  # to each eigenvalue, before its root
MEAN, VALUES, VECTORS = "mean.npy", "eigenvals.npy", "eigenvecs.npy"
LOW, HIGH = -2.0, 2.0  # of what is quantised
LARGEST = 2**26  # bytes of a file; eigenvectors have 16 or 32 MB
CLOSE, NEGLIGIBLE = 1e-5, 0.01  # of the published test: mean relative difference


class YouTube8MPCA:
    """The principal components of YouTube-8M.

    Args:
        folder: where `mean.npy` (2048, 1), `eigenvals.npy` (n, 1) and `eigenvecs.npy` (n, 2048), a
            vector a row, lie, as unpacked from `yt8m_pca.tgz`; of n, 1,024 or more, the first are
            kept.

    Attributes:
        means: (2048,) float64.
        vectors: (2048, 1024) float64, a vector a column, each through its deviation.

    Raises:
        DataError: a file is missing, no array, or of another shape, or an eigenvalue is too low.

    Reference:
        Abu-El-Haija et al., 2016, and `feature_extractor.py` of google/youtube-8m.

    Example:
        pca = YouTube8MPCA("yt8m_pca")
        pca.components(features)  # (frames, 1024)
        pca.quantised(features)  # (frames, 1024) uint8, as published
    """

    def __init__(self, folder: str | Path):
        self._folder = Path(folder)
        self.means = self._read(MEAN, (GIVEN, 1))[:, 0]
        values = self._read(VALUES, (KEPT, 1))[:, 0]
        vectors = self._read(VECTORS, (KEPT, GIVEN))
        if not (values > -ADDED).all():
            raise DataError(
                f"{named(self._folder / VALUES)}: an eigenvalue of {values.min():g}; variances are"
                " expected"
            )
        self.vectors = vectors.T / np.sqrt(values + ADDED)

    def components(self, features: np.ndarray) -> np.ndarray:
        """Returns the components of features, (n, 1024) float64; features are (n, 2048)."""
        return (features - self.means) @ self.vectors

    def quantised(self, features: np.ndarray) -> np.ndarray:
        """Returns the published bytes of features, (n, 1024) uint8: the nearest ones."""
        clipped = np.clip(self.components(features), LOW, HIGH)
        return np.rint((clipped - LOW) * (255 / (HIGH - LOW))).astype(np.uint8)

    def check(self, path: str | Path) -> float:
        """Returns how far these matrices are from what one published vector became.

        Args:
            path: `.npz` of "original" (2048,) and "pca" (1024,), the test data of
                google/youtube-8m.

        Returns:
            The mean of |difference| / (0.01 + larger magnitude), as the published test has it.

        Raises:
            DataError: it is 1e-5 or more, so these are other matrices; or the file isn't as it
                should be.
        """
        arrays = read_npz(path, most=LARGEST)
        for name, size in (("original", GIVEN), ("pca", KEPT)):
            if name not in arrays:
                raise DataError(f"{named(path)}: no array {name!r}")
            _check(arrays[name], (size,), f"{named(path)}: {name!r}")
        found, expected = self.components(arrays["original"]), arrays["pca"]
        larger = np.maximum(np.abs(found), np.abs(expected))
        far = float(np.mean(np.abs(found - expected) / (NEGLIGIBLE + larger)))
        if not far < CLOSE:
            raise DataError(
                f"{named(self._folder)}: not the matrices of YouTube-8M: they differ by {far:.2g}"
                f" on the published vector, where {CLOSE:g} is allowed"
            )
        return far

    def _read(self, name: str, shape: tuple[int, int]) -> np.ndarray:
        """Returns an array's first rows as float64; it may have more than are kept."""
        path = self._folder / name
        array = read_npy(path, most=LARGEST)
        if name != MEAN and array.ndim:
            array = array[: shape[0]]
        _check(array, shape, named(path))
        return array.astype(np.float64)


def dequantised(codes):
    """Returns what codes from 0 to 255 stand for, as YouTube-8M's code does: the middle of a step.

    Args:
        codes: array of integers or floats, or tensor of floats.

    Reference:
        Abu-El-Haija et al., 2016, and `utils.py` (Dequantize) of google/youtube-8m.

    Example:
        >>> dequantised(0), dequantised(255)
        (-1.9921875, 2.0078125)
    """
    return codes * ((HIGH - LOW) / 255) + (HIGH - LOW) / 512 + LOW


def _check(array: np.ndarray, shape: tuple[int, ...], words: str) -> None:
    if array.shape != shape:
        raise DataError(f"{words} has the shape {array.shape}; {shape} is expected")
    if array.dtype.kind not in "biuf":
        raise DataError(f"{words} holds {array.dtype}; numbers are expected")
    if not np.isfinite(array).all():
        raise DataError(f"{words} holds NaN or infinity")
