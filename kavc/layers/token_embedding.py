"""What a Transformer is told of a token beside its features: where it stands, and of which kind."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kavc")
class Offset(keras.layers.Layer):
    """Adds a learnt vector.

    Of UNITER's mask embedding, whose other row stands for features that are hidden from it.

    Call arguments:
        x: `(..., width)`.

    Reference:
        Chen et al., "UNITER", ECCV 2020; published code.
    """

    def build(self, x_shape):
        self.offset = self.add_weight(shape=(x_shape[-1],), initializer=normal(), name="offset")

    def call(self, x):
        return x + self.offset

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self):  # what Keras makes of the arguments fails for a policy object
        return super().get_config()


@keras.saving.register_keras_serializable(package="kavc")
class PositionAndKind(keras.layers.Layer):
    """Adds a fixed vector for the place of a token, and a learnt one for its kind.

    Args:
        kinds: int. How many.

    Call arguments:
        x: `(batch, tokens, dim)`, tokens of one kind.
        kind: int.

    Reference:
        Published code of Lamba et al., 2021: positions by `sinusoids`.

    Example:
        >>> layer = PositionAndKind(kinds=2)
        >>> tuple(layer(ops.zeros((1, 10, 16)), kind=1).shape)
        (1, 10, 16)
    """

    def __init__(self, kinds=2, **kwargs):
        super().__init__(**kwargs)
        self.kinds = kinds

    def build(self, x_shape):
        self.kind = self.add_weight(
            shape=(self.kinds, x_shape[-1]), initializer=normal(), name="kind"
        )

    def call(self, x, kind=0):
        position = ops.convert_to_tensor(sinusoids(*x.shape[1:]), dtype=x.dtype)
        return x + (position + self.kind[kind])

    def compute_output_spec(self, x, kind=0):
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "kinds": self.kinds}


def sinusoids(tokens, dim):
    """Returns sines and cosines of places, `(tokens, dim)` float64, as the published code has them.

    With i the number of an even channel, `sin(place / 10000^(2i / dim))`, and in the channel i + 1
    after it `cos(place / 10000^(2(i + 1) / dim))`: exponents run to 2, and not to 1 as in Vaswani
    et al., 2017.

    Args:
        tokens: int.
        dim: int.

    Reference:
        Vaswani et al., 2017, section 3.5; published code of Lamba et al., 2021.

    Example:
        >>> sinusoids(2, 4).round(3).tolist()
        [[0.0, 1.0, 0.0, 1.0], [0.841, 1.0, 0.0, 1.0]]
    """
    channel = np.arange(dim)
    angle = np.arange(tokens)[:, None] / 10_000 ** (2 * channel / dim)
    return np.where(channel % 2 == 0, np.sin(angle), np.cos(angle))


def normal():
    """Returns the initializer of BERT's and UNITER's weights: deviation 0.02.

    Reference:
        Devlin et al., "BERT", 2019; Chen et al., "UNITER", ECCV 2020; published code of both.
    """
    return keras.initializers.RandomNormal(stddev=0.02)
