"""One word for a network's weights: whether two things were made by the same ones."""

from __future__ import annotations

import hashlib

import keras
import numpy as np


def weights_fingerprint(network: keras.Model) -> str:
    """Returns the SHA-256 over a network's weights: dtypes, shapes and values; hexadecimal.

    Names are left out: Keras numbers those of unnamed layers by how many a process has made.

    Args:
        network: built.

    Example:
        >>> one = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="one")])
        >>> other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="other")])
        >>> weights_fingerprint(one) == weights_fingerprint(other)  # begun with other numbers
        False
        >>> other.set_weights(one.get_weights())
        >>> weights_fingerprint(one) == weights_fingerprint(other)
        True
    """
    digest = hashlib.sha256()
    for weight in network.weights:
        value = np.asarray(weight)
        digest.update(f"{value.dtype} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
