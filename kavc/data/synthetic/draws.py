"""What the worlds of synthetic corpora are drawn with."""

from __future__ import annotations

import numpy as np

from kavc.errors import ConfigError


def check_seed(name: str, value: int) -> int:
    """Returns a seed.

    Raises:
        ConfigError: it is no whole number of at least 0.
    """
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
        raise ConfigError(f"{name} must be a whole number, 0 or more; got {value!r}")
    return int(value)


def softplus(x: np.ndarray) -> np.ndarray:
    """Returns log(1 + exp(x)), of the dtype of `x`."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))  # a tenth of the time of logaddexp


def orthonormal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Draws (rows, columns) float64 with orthonormal columns, at most as many as rows."""
    return np.linalg.qr(rng.standard_normal((rows, columns)))[0]
