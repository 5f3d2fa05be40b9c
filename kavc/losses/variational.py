"""Losses of variational autoencoders of two modalities: what is coded, how, and how far apart."""

from __future__ import annotations

from keras import ops


def gaussian_kl(mean, log_variance):
    """Divergence of a diagonal Gaussian from the standard one, in nats.

    Args:
        mean, log_variance: `(..., dim)`.

    Returns:
        `(...)`, summed over the coordinates.

    Reference:
        Kingma and Welling, ICLR 2014, appendix B.

    Example:
        >>> import numpy as np
        >>> float(gaussian_kl(np.array([1.0, 0.0]), np.zeros(2)))
        0.5
    """
    return ops.sum(ops.square(mean) + ops.exp(log_variance) - 1 - log_variance, axis=-1) / 2


def gaussian_wasserstein(mean_1, log_variance_1, mean_2, log_variance_2):
    """2-Wasserstein distance of two diagonal Gaussians, in closed form.

    `W2^2 = |m_1 - m_2|^2 + |s_1 - s_2|^2`, with standard deviations s.

    Args:
        mean_1, log_variance_1, mean_2, log_variance_2: `(..., dim)`.

    Returns:
        `(...)`, the root of that; its gradient is 0 where the two are equal.

    Reference:
        Givens and Shortt, "A class of Wasserstein metrics for probability distributions", 1984.

    Example:
        >>> import numpy as np
        >>> zeros = np.zeros(2)
        >>> float(gaussian_wasserstein(np.array([3.0, 4.0]), zeros, zeros, zeros))
        5.0
    """
    first = ops.concatenate([mean_1, ops.exp(log_variance_1 / 2)], axis=-1)
    second = ops.concatenate([mean_2, ops.exp(log_variance_2 / 2)], axis=-1)
    return distance(first, second)


def distance(x, y, *, axis=-1, epsilon=0.0):
    """Euclidean distance, whose gradient is 0 where there is none: a plain root's would be NaN.

    Args:
        x, y: of shapes that broadcast.
        axis: over which squares are summed; None for all: the Frobenius norm of the difference.
        epsilon: float. Least square, as AVE's code has 1e-7 under the root.

    Returns:
        The shape of `x - y` without `axis`.

    Reference:
        Published code of Tian et al., ECCV 2018, for `epsilon`.

    Example:
        >>> import numpy as np
        >>> float(distance(np.array([3.0, 0.0]), np.array([0.0, 4.0])))
        5.0
        >>> distance(np.ones((2, 5, 3)), np.zeros((2, 1, 3))).shape[1]
        5
    """
    squares = ops.sum(ops.square(x - y), axis=axis)
    apart = squares > epsilon
    return ops.where(apart, ops.sqrt(ops.where(apart, squares, 1.0)), epsilon**0.5)


def pair_error(reconstruction, pair):
    """Mean squared error of a reconstructed pair of modalities.

    Args:
        reconstruction, pair: `(..., width)`.

    Returns:
        `(...)`, the mean over the features.

    Reference:
        Zhu et al., 2021, section 2.2.

    Example:
        >>> import numpy as np
        >>> ops.convert_to_numpy(pair_error(np.array([[1.0, 3.0]]), np.zeros((1, 2)))).tolist()
        [5.0]
    """
    return ops.mean(ops.square(reconstruction - pair), axis=-1)
