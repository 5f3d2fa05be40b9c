"""Canonical correlation of two modalities as a loss, whatever their covariances are like."""

from __future__ import annotations

from keras import ops

LEAST_RIDGE = 1e-5  # of the mean of a covariance's diagonal


def canonical_correlation_loss(x, y, *, ridge=1e-3):
    """Minus the sum of the canonical correlations of a batch.

    Published code takes it by eigenvectors, whose gradient divides by differences of eigenvalues:
    NaN where two are equal. Here covariances are whitened by their triangular roots, which give the
    same singular values, and the gradient of the sum of these is the product of the singular
    vectors, in which no difference occurs.

    Args:
        x: `(batch, dim)`.
        y: `(batch, other dim)`; row i belongs to row i of `x`.
        ridge: float > 0. Added to the diagonals of the covariances; at least a 100,000th of their
            mean, of which single precision would keep nothing else.

    Returns:
        `()`, at least minus the smaller width. The covariances of batches of fewer rows than
        columns are singular: there all of them correlate.

    Reference:
        Andrew et al., "Deep Canonical Correlation Analysis", ICML 2013, equation 10.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(200, 3))
        >>> round(float(canonical_correlation_loss(x, x @ np.diag([2.0, 1, 1]), ridge=1e-6)), 3)
        -3.0
    """
    x, y = (each - ops.mean(each, axis=0, keepdims=True) for each in (x, y))
    degrees = ops.cast(ops.maximum(ops.shape(x)[0] - 1, 1), x.dtype)
    between = ops.matmul(ops.transpose(x), y) / degrees
    roots = [_root(ops.matmul(ops.transpose(each), each) / degrees, ridge) for each in (x, y)]
    left = ops.solve_triangular(roots[0], between, lower=True)
    whitened = ops.solve_triangular(roots[1], ops.transpose(left), lower=True)
    u, _, v = ops.svd(ops.stop_gradient(whitened), full_matrices=False)
    return -ops.sum(ops.stop_gradient(ops.matmul(u, v)) * whitened)


def _root(covariance, ridge):
    """Returns the lower triangular root of a ridged covariance."""
    width = covariance.shape[-1]
    unit = ops.eye(width, dtype=covariance.dtype)
    mean = ops.stop_gradient(ops.sum(covariance * unit) / width)
    return ops.cholesky(covariance + ops.maximum(ridge, LEAST_RIDGE * mean) * unit)
