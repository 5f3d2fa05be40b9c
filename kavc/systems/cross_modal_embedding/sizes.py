"""Which sizes of a network go together."""

from __future__ import annotations

from kavc.errors import ConfigError


def check_kernel_features(kernel_features, embedding_dim):
    """Refuses a number of Fourier features that is odd, or smaller than the embedding is wide.

    Example:
        >>> check_kernel_features(4000, 256)
        >>> check_kernel_features(101, 64)
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: kernel_features is 101; expected an even number of at ...
    """
    if kernel_features and (kernel_features % 2 or kernel_features < embedding_dim):
        raise ConfigError(
            f"kernel_features is {kernel_features}; expected an even number of at least the "
            f"{embedding_dim} of embedding_dim, or 0 for none"
        )
