"""What follows an attention: residual, normalisation, feed-forward part, as a Transformer's layer.

u   = LN1(x + attention(x))
out = LN2(u + drop(W2 drop(relu(W1 u))))
"""

from __future__ import annotations

import keras

from kavc.layers.linear import Linear

EPSILON = 1e-5  # of PyTorch's layer normalisation; Keras' is 1e-3


@keras.saving.register_keras_serializable(package="kavc")
class AttentionBlock(keras.layers.Layer):
    """An attention with all that surrounds it, normalised after each sum (post-norm).

    Args:
        attention: layer from `(batch, streams, segments, dim)` to the same shape, with its dropout;
            its attribute `dim` is the width.
        units: int. Width of the feed-forward part's hidden layer.
        dropout: float. After the hidden layer and the feed-forward part.

    Call arguments:
        x: `(batch, streams, segments, dim)`.

    Returns:
        Of the shape of `x`.

    Reference:
        Vaswani et al., 2017, section 3.1.

    Example:
        >>> from kavc.layers import SegmentAttention
        >>> block = AttentionBlock(SegmentAttention(dim=8, keys="other"), units=16)
        >>> tuple(block(keras.ops.ones((1, 2, 10, 8))).shape)
        (1, 2, 10, 8)
    """

    def __init__(self, attention, units=512, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        policy = self.dtype_policy
        self.attention = attention
        self.units = units
        self.dropout = dropout
        self.norm_1 = layer_norm(policy, name="norm_1")
        self.norm_2 = layer_norm(policy, name="norm_2")
        self.hidden = Linear(units, activation="relu", dtype=policy, name="hidden")
        self.output_layer = Linear(attention.dim, dtype=policy, name="output")
        self.drop_hidden = keras.layers.Dropout(dropout, dtype=policy, name="drop_hidden")
        self.drop_output = keras.layers.Dropout(dropout, dtype=policy, name="drop_output")

    def build(self, x_shape):
        if not self.attention.built:  # it comes built where Keras makes the block from its config
            self.attention.build(x_shape)
        self.norm_1.build(x_shape)
        self.hidden.build(x_shape)
        self.output_layer.build((*x_shape[:-1], self.units))
        self.norm_2.build(x_shape)

    def call(self, x, training=None):
        x = self.norm_1(x + self.attention(x, training=training))
        hidden = self.drop_hidden(self.hidden(x), training=training)
        return self.norm_2(x + self.drop_output(self.output_layer(hidden), training=training))

    def compute_output_spec(self, x, training=None):
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "attention": keras.saving.serialize_keras_object(self.attention),
            "units": self.units,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config):
        attention = keras.saving.deserialize_keras_object(config["attention"])
        return cls(**config | {"attention": attention})


def layer_norm(dtype, name):
    """Layer normalisation with PyTorch's epsilon.

    Reference:
        Ba et al., "Layer Normalization", 2016.
    """
    return keras.layers.LayerNormalization(epsilon=EPSILON, dtype=dtype, name=name)
