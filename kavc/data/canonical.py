"""Linear canonical correlation analysis: the directions in which sound and picture agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from kavc.errors import DataError


@dataclass(frozen=True)
class CanonicalCorrelation:
    """Both modalities' centres, directions and correlations.

    Args:
        audio_mean: (audio_dim,) float64.
        audio_directions: (audio_dim, audio_dim or fewer) float64. Column i is the i-th direction;
            coordinates along them have unit (ridged) variance and are uncorrelated.
        visual_mean, visual_directions: likewise.
        correlations: (smaller width,) float64 in [0, 1], descending.

    Reference:
        Hotelling, 1936.
    """

    audio_mean: np.ndarray
    audio_directions: np.ndarray
    visual_mean: np.ndarray
    visual_directions: np.ndarray
    correlations: np.ndarray

    def embed(
        self, modality: str, features: np.ndarray, dimensions: int = 128, power: float = 2.0
    ) -> np.ndarray:
        """Embeds features of one modality for retrieval by cosine.

        Args:
            modality: "audio" or "visual".
            features: (n, width) of that modality.
            dimensions: how many directions, the most correlated first, if there are so many.
            power: each coordinate is weighted by its correlation to this power; 0 for none.

        Returns:
            (n, dimensions) float32 of norm 1.

        Reference:
            Gong et al., 2014, of the power.

        Example:
            >>> rows = np.random.default_rng(0).standard_normal((100, 3))
            >>> fitted = canonical_correlation(rows, rows[:, :2], ridge=0.0)
            >>> sound, picture = fitted.embed("audio", rows), fitted.embed("visual", rows[:, :2])
            >>> sound.shape, bool(np.allclose(np.abs(np.sum(sound * picture, axis=1)), 1))
            ((100, 2), True)
        """
        mean, directions = {
            "audio": (self.audio_mean, self.audio_directions),
            "visual": (self.visual_mean, self.visual_directions),
        }[modality]
        weights = self.correlations[:dimensions] ** power
        coordinates = (features - mean) @ directions[:, : len(weights)] * weights
        norms = np.linalg.norm(coordinates, axis=1, keepdims=True)
        return (coordinates / np.maximum(norms, 1e-12)).astype(np.float32)


def canonical_correlation(
    audio: np.ndarray, visual: np.ndarray, ridge: float = 0.1, dimensions: int | None = None
) -> CanonicalCorrelation:
    """Fits canonical correlation analysis on matching rows.

    Args:
        audio: (n, audio_dim).
        visual: (n, visual_dim); row i belongs to row i of `audio`.
        ridge: added to the diagonal of each covariance, in units of its mean eigenvalue. Some is
            needed wherever there are not many more rows than columns.
        dimensions: find only so many directions, the most correlated; much faster for thousands
            of columns. By default all.

    Raises:
        DataError: the shapes do not fit, or there are fewer than two rows.

    Reference:
        Hotelling, "Relations between two sets of variates", 1936; with ridge, Vinod, 1976.

    Example:
        >>> rows = np.random.default_rng(0).standard_normal((100, 3))
        >>> canonical_correlation(rows, rows[:, :2], ridge=0.0).correlations.round(3).tolist()
        [1.0, 1.0]
    """
    audio, visual = (np.array(x, np.float64) for x in (audio, visual))  # copies, centred below
    if audio.ndim != 2 or visual.ndim != 2 or len(audio) != len(visual) or len(audio) < 2:
        raise DataError(
            f"audio {audio.shape} and visual {visual.shape}: expected (n, width) each, with the "
            "same n of at least 2"
        )
    means = audio.mean(axis=0), visual.mean(axis=0)
    audio -= means[0]
    visual -= means[1]
    # The directions that are found are the same for either root; the rest of `dimensions=None`,
    # which have no correlation, are not.
    whitening = _symmetric_root if dimensions is None or not ridge else _triangular_root
    whiten = whitening(audio, ridge), whitening(visual, ridge)
    between = whiten[0].T @ (audio.T @ visual / len(audio)) @ whiten[1]
    left, correlations, right = _svd(between, dimensions)
    return CanonicalCorrelation(
        means[0], whiten[0] @ left, means[1], whiten[1] @ right, np.minimum(correlations, 1)
    )


def _svd(matrix: np.ndarray, dimensions: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns left vectors, values and right vectors, as columns."""
    if dimensions is None or dimensions >= min(matrix.shape):
        left, values, right = np.linalg.svd(matrix)
        return left, values, right.T
    last = len(matrix) - 1
    squares, left = scipy.linalg.eigh(
        matrix @ matrix.T, subset_by_index=(last - dimensions + 1, last)
    )
    squares, left = squares[::-1], left[:, ::-1]
    values = np.sqrt(np.maximum(squares, 1e-12))
    return left, values, matrix.T @ left / values


def _symmetric_root(centred: np.ndarray, ridge: float) -> np.ndarray:
    """Returns the symmetric inverse root of the ridged covariance, singular or not."""
    values, vectors = np.linalg.eigh(_ridged_covariance(centred, ridge))
    floor = max(values[-1], 1e-300) * 1e-12  # of constant columns, where there is no ridge
    return (vectors / np.sqrt(np.maximum(values, floor))) @ vectors.T


def _triangular_root(centred: np.ndarray, ridge: float) -> np.ndarray:
    """Returns W with W W' the inverse of the ridged covariance: a tenth of the time."""
    lower = scipy.linalg.cholesky(_ridged_covariance(centred, ridge), lower=True)
    return scipy.linalg.solve_triangular(lower, np.eye(len(lower)), lower=True).T


def _ridged_covariance(centred: np.ndarray, ridge: float) -> np.ndarray:
    covariance = centred.T @ centred / len(centred)
    mean_eigenvalue = np.trace(covariance) / len(covariance) or 1.0  # of constant columns alone
    return covariance + ridge * mean_eigenvalue * np.eye(len(covariance))
