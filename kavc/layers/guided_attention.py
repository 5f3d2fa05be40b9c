"""Attention over the places of a picture that a sound guides."""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.linear import affine, uniform


@keras.saving.register_keras_serializable(package="kavc")
class GuidedAttention(keras.layers.Layer):
    """Mean of a picture's places, weighted by how well they fit the sound of its segment.

    `weights = softmax_k(w_h . tanh(W_v relu(U_v v_k + b_v) + g_k 1))` with one number a place,
    `g = W_g relu(U_a a + b_a)`; and of the places as they are `sum_k weights_k v_k`.

    Args:
        units: int. Of both projections, U.

    Call arguments:
        audio: `(batch, segments, audio_dim)`.
        places: `(batch, segments, places, dim)`.

    Returns:
        `(batch, segments, dim)`, and the weights `(batch, segments, places)`.

    Reference:
        Tian et al., "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018, section
        4.2; published code, which has as many rows in W as there are places.

    Example:
        >>> audio, places = ops.ones((1, 10, 128)), ops.ones((1, 10, 49, 512))
        >>> attended, weights = GuidedAttention(units=8)(audio, places)
        >>> tuple(attended.shape), tuple(weights.shape)
        ((1, 10, 512), (1, 10, 49))
    """

    def __init__(self, units=512, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, audio_shape, places_shape):
        places, dim = places_shape[-2:]
        begin = "glorot_uniform"
        for name, width in (("audio", audio_shape[-1]), ("visual", dim)):
            kernel = self.add_weight(
                shape=(width, self.units), initializer=begin, name=f"{name}_kernel"
            )
            bias = self.add_weight(
                shape=(self.units,), initializer=uniform(width**-0.5), name=f"{name}_bias"
            )
            score = self.add_weight(
                shape=(self.units, places), initializer=begin, name=f"{name}_score"
            )
            setattr(self, name, (kernel, bias, score))
        self.head = self.add_weight(shape=(places, 1), initializer=begin, name="head")

    def call(self, audio, places):
        # As it is broadcast there: one number for each place, and not for each of the rows of W,
        # which are as many. So the sound doesn't choose what is looked for, but where.
        guide = ops.expand_dims(_scores(audio, *self.audio), -1)
        hidden = ops.tanh(_scores(places, *self.visual) + guide)
        weights = ops.softmax(ops.matmul(hidden, self.head)[..., 0], axis=-1)
        return ops.matmul(ops.expand_dims(weights, -2), places)[..., 0, :], weights

    def compute_output_spec(self, audio, places):
        shapes = (*places.shape[:-2], places.shape[-1]), places.shape[:-1]
        return tuple(keras.KerasTensor(shape, dtype=self.compute_dtype) for shape in shapes)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _scores(x, kernel, bias, score):
    hidden = ops.relu(affine(x, kernel, bias))
    return affine(hidden, score, ops.zeros((), dtype=hidden.dtype))
