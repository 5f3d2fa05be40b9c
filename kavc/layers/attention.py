"""Self-attention that turns a sequence into one vector, in the variants a paper may have meant.

All of them give a vector of zeros for a row without a valid step.
"""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.masking import ExplicitMaskLayer, masked_softmax, zero_padding
from kavc.layers.pooling import MaskedGlobalAveragePooling1D


class _AttentionPooling(ExplicitMaskLayer):
    def call(self, inputs, mask):
        # A weight of zero does not silence NaN in the padding.
        return self.pool(zero_padding(inputs, mask), mask)

    def compute_output_spec(self, inputs, mask):
        return keras.KerasTensor((inputs.shape[0], inputs.shape[2]), dtype=self.compute_dtype)


@keras.saving.register_keras_serializable(package="kavc")
class AdditiveAttentionPooling(_AttentionPooling):
    """Structured self-attention with one hop: `e_t = w . tanh(W h_t + b)`, `o = sum_t a_t h_t`.

    Args:
        units: int. Width of the hidden layer of the score.

    Call arguments:
        inputs: `(batch, time, dim)`.
        mask: `(batch, time)` bool. True at valid steps.

    Returns:
        `(batch, dim)`.

    Reference:
        Lin et al., "A Structured Self-attentive Sentence Embedding", ICLR 2017, section 2.1.

    Example:
        >>> mask = ops.convert_to_tensor([[True, True, False], [False, False, False]])
        >>> pooled = AdditiveAttentionPooling(units=8)(ops.ones((2, 3, 2)), mask)
        >>> ops.convert_to_numpy(pooled).round(4).tolist()  # nothing valid, nothing pooled
        [[1.0, 1.0], [0.0, 0.0]]
    """

    def __init__(self, units=128, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, inputs_shape, mask_shape=None):
        self.kernel = self.add_weight(shape=(inputs_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.score = self.add_weight(shape=(self.units, 1), name="score")

    def weights_over_time(self, inputs, mask):
        """Returns the attention weights, `(batch, time)`.

        Example:
            >>> pooling = AdditiveAttentionPooling(units=8)
            >>> pooling.build((None, 3, 2))
            >>> mask = ops.convert_to_tensor([[True, True, False]])
            >>> weights = pooling.weights_over_time(ops.ones((1, 3, 2)), mask)
            >>> ops.convert_to_numpy(weights).tolist()
            [[0.5, 0.5, 0.0]]
        """
        hidden = ops.tanh(ops.matmul(inputs, self.kernel) + self.bias)
        return masked_softmax(ops.squeeze(ops.matmul(hidden, self.score), -1), mask)

    def pool(self, inputs, mask):
        return _weighted_sum(self.weights_over_time(inputs, mask), inputs)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="kavc")
class WeightedAttentionPooling(_AttentionPooling):
    """Attention whose score is linear in the step: `e_t = w . h_t + b`, `o = sum_t a_t h_t`.

    Call arguments:
        inputs: `(batch, time, dim)`.
        mask: `(batch, time)` bool. True at valid steps.

    Returns:
        `(batch, dim)`.

    Reference:
        Felbo et al., "Using millions of emoji occurrences ...", EMNLP 2017 (DeepMoji).

    Example:
        >>> mask = ops.convert_to_tensor([[True, True, False]])
        >>> tuple(WeightedAttentionPooling()(ops.ones((1, 3, 5)), mask).shape)
        (1, 5)
    """

    def build(self, inputs_shape, mask_shape=None):
        self.score = self.add_weight(shape=(inputs_shape[-1], 1), name="score")
        self.bias = self.add_weight(shape=(1,), initializer="zeros", name="bias")

    def weights_over_time(self, inputs, mask):
        """Returns the attention weights, `(batch, time)`."""
        return masked_softmax(ops.squeeze(ops.matmul(inputs, self.score) + self.bias, -1), mask)

    def pool(self, inputs, mask):
        return _weighted_sum(self.weights_over_time(inputs, mask), inputs)


@keras.saving.register_keras_serializable(package="kavc")
class SequenceAttentionPooling(_AttentionPooling):
    """Additive attention of every step to every step, then the mean over the valid steps.

    `e_{t,s} = score . tanh(query^T h_t + key^T h_s + b) + c`. Memory grows with
    `batch * time**2 * units`.

    Args:
        units: int. Width of the hidden layer of the score.

    Call arguments:
        inputs: `(batch, time, dim)`.
        mask: `(batch, time)` bool. True at valid steps; masks the keys, and queries in the mean.

    Returns:
        `(batch, dim)`.

    Reference:
        Zheng et al., "OpenTag", KDD 2018, section 3.2.

    Example:
        >>> mask = ops.convert_to_tensor([[True, True, False]])
        >>> tuple(SequenceAttentionPooling(units=8)(ops.ones((1, 3, 5)), mask).shape)
        (1, 5)
    """

    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.pooling = MaskedGlobalAveragePooling1D(dtype=self.dtype_policy, name="pooling")

    def build(self, inputs_shape, mask_shape=None):
        dim = inputs_shape[-1]
        self.query = self.add_weight(shape=(dim, self.units), name="query")
        self.key = self.add_weight(shape=(dim, self.units), name="key")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.score = self.add_weight(shape=(self.units, 1), name="score")
        self.score_bias = self.add_weight(shape=(1,), initializer="zeros", name="score_bias")

    def weights_over_time(self, inputs, mask):
        """Returns the attention weights, `(batch, time of query, time of key)`."""
        query = ops.expand_dims(ops.matmul(inputs, self.query), 2)
        key = ops.expand_dims(ops.matmul(inputs, self.key), 1)
        scores = ops.matmul(ops.tanh(query + key + self.bias), self.score) + self.score_bias
        return masked_softmax(ops.squeeze(scores, -1), ops.expand_dims(mask, 1))

    def pool(self, inputs, mask):
        attended = ops.matmul(self.weights_over_time(inputs, mask), inputs)
        return self.pooling(attended, mask=mask)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="kavc")
class MultiHeadAttentionPooling(_AttentionPooling):
    """Multi-head self-attention, then the mean over the valid steps.

    Args:
        heads: int. Number of heads.
        key_dim: int. Width of each head.

    Call arguments:
        inputs: `(batch, time, dim)`.
        mask: `(batch, time)` bool. True at valid steps; masks the keys, and queries in the mean.

    Returns:
        `(batch, dim)`.

    Reference:
        Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.2.

    Example:
        >>> mask = ops.convert_to_tensor([[True, True, False]])
        >>> tuple(MultiHeadAttentionPooling(heads=2, key_dim=4)(ops.ones((1, 3, 5)), mask).shape)
        (1, 5)
    """

    def __init__(self, heads=4, key_dim=32, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        self.key_dim = key_dim
        self.attention = keras.layers.MultiHeadAttention(
            heads, key_dim, dtype=self.dtype_policy, name="attention"
        )
        self.pooling = MaskedGlobalAveragePooling1D(dtype=self.dtype_policy, name="pooling")

    def build(self, inputs_shape, mask_shape=None):
        self.attention.build(inputs_shape, inputs_shape)

    def pool(self, inputs, mask):
        attended = self.attention(inputs, inputs, attention_mask=ops.expand_dims(mask, 1))
        return self.pooling(attended, mask=mask)

    def get_config(self):
        return {**super().get_config(), "heads": self.heads, "key_dim": self.key_dim}


def _weighted_sum(weights, inputs):
    return ops.squeeze(ops.matmul(ops.expand_dims(weights, 1), inputs), 1)
