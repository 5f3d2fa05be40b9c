"""What the worlds of synthetic corpora are drawn with."""

from __future__ import annotations

import numpy as np

from kavc.errors import ConfigError


def check_seed(name: str, value: int) -> int:
    """Returns a seed.

    Raises:
        ConfigError: it is no whole number of at least 0.

    Example:
        >>> check_seed("sample_seed", np.int64(3))
        3
        >>> check_seed("sample_seed", -1)
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: sample_seed must be a whole number, 0 or more; got -1
    """
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
        raise ConfigError(f"{name} must be a whole number, 0 or more; got {value!r}")
    return int(value)


def softplus(x: np.ndarray) -> np.ndarray:
    """Returns log(1 + exp(x)), of the dtype of `x`.

    >>> softplus(np.array([-1000.0, 0.0, 1000.0])).round(4).tolist()
    [0.0, 0.6931, 1000.0]
    """
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))  # a tenth of the time of logaddexp


def orthonormal(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Draws (rows, columns) float64 with orthonormal columns, at most as many as rows.

    >>> columns = orthonormal(np.random.default_rng(0), 16, 4)
    >>> columns.shape, bool(np.allclose(columns.T @ columns, np.eye(4)))
    ((16, 4), True)
    """
    return np.linalg.qr(rng.standard_normal((rows, columns)))[0]
