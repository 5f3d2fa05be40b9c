"""Attention among the segments of parallel streams, as of a video's sound and its pictures.

Streams lie beside each other in one tensor, `(batch, streams, segments, dim)`, so that all that
share weights share a matrix product. A segment asks its own stream, or the other one.
"""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.linear import Linear, affine, uniform

KEYS = ("own", "other")


def dot_product_attention(query, key, value, *, heads=1, drop=None):
    """Scaled dot-product attention: `softmax(Q K^T / sqrt(dim / heads)) V`, each head by itself.

    Args:
        query, key, value: `(..., segments, dim)`.
        heads: int. Divides `dim`.
        drop: optional function of the weights `(..., segments, segments)`, as dropout.

    Returns:
        `(..., segments, dim)`.

    Reference:
        Vaswani et al., 2017, section 3.2.

    Example:
        >>> x = ops.ones((1, 2, 10, 8))
        >>> tuple(dot_product_attention(x, x, x, heads=4).shape)
        (1, 2, 10, 8)
    """
    query, key, value = (_split_heads(x, heads) for x in (query, key, value))
    # The scores are far fewer than the queries: it is they that are scaled.
    scores = ops.matmul(query, ops.swapaxes(key, -1, -2)) * query.shape[-1] ** -0.5
    weights = ops.softmax(scores, axis=-1)
    return _join_heads(ops.matmul(weights if drop is None else drop(weights), value), heads)


def swap_streams(x):
    """Returns what each of two streams has at the place of the other: `(batch, 2, ...)`.

    Example:
        >>> ops.convert_to_numpy(swap_streams(ops.convert_to_tensor([[[1.0], [2.0]]]))).tolist()
        [[[2.0], [1.0]]]
    """
    return ops.flip(x, axis=1)


class _Attention(keras.layers.Layer):
    """What kinds of attention share: width, heads, and dropout on the weights and on the output."""

    def __init__(self, dim=512, heads=1, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        if dim % heads:
            raise ValueError(f"heads must divide dim; received: heads={heads}, dim={dim}")
        self.dim = dim
        self.heads = heads
        self.dropout = dropout
        self.drop = self.dropout_layer("drop")

    def dropout_layer(self, name):
        """Returns a dropout of the layer's rate; each draws by itself."""
        return keras.layers.Dropout(self.dropout, dtype=self.dtype_policy, name=name)

    def attend(self, query, key, value, training):
        """Returns what the attention gathers, before the output projection."""
        return dot_product_attention(
            query,
            key,
            value,
            heads=self.heads,
            drop=lambda weights: self.drop(weights, training=training),
        )

    def compute_output_spec(self, x, training=None):
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self):
        own = {"dim": self.dim, "heads": self.heads, "dropout": self.dropout}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="kavc")
class SegmentAttention(_Attention):
    """Multi-head attention of each segment to those of its own stream, or of the other one.

    Begins as `torch.nn.MultiheadAttention`.

    Args:
        dim: int. Width of what is attended, of queries, keys, values and the output.
        heads: int. Divides `dim`.
        dropout: float. Of the attention weights, and of the output.
        keys: "own" or "other": which of two streams keys and values are of.

    Call arguments:
        x: `(batch, streams, segments, dim)`; two streams for "other".

    Returns:
        Of the shape of `x`.

    Weights:
        projection `(dim, 3 * dim)` and its bias: query, key and value side by side; output.

    Reference:
        Vaswani et al., 2017, section 3.2; Tian et al., ECCV 2020, section 4.1.

    Example:
        >>> tuple(SegmentAttention(dim=8, heads=2, keys="other")(ops.ones((1, 2, 10, 8))).shape)
        (1, 2, 10, 8)
    """

    def __init__(self, dim=512, heads=1, dropout=0.1, keys="own", **kwargs):
        super().__init__(dim, heads, dropout, **kwargs)
        _check_keys(keys)
        self.keys = keys
        self.output_projection = Linear(
            dim, bias="zeros", dtype=self.dtype_policy, name="output_projection"
        )
        self.drop_output = self.dropout_layer("drop_output")

    def build(self, x_shape):
        self.projection, self.projection_bias = _add_projections(self, x_shape[-1], 3)
        self.output_projection.build(x_shape)

    def call(self, x, training=None):
        query, key, value = _project(x, self.projection, self.projection_bias, 3)
        if self.keys == "other":
            key, value = swap_streams(key), swap_streams(value)
        out = self.output_projection(self.attend(query, key, value, training))
        return self.drop_output(out, training=training)

    def get_config(self):
        return {**super().get_config(), "keys": self.keys}


@keras.saving.register_keras_serializable(package="kavc")
class HybridAttention(_Attention):
    """Self-attention and cross-modal attention of two streams at once, with weights in common.

    `self(x, x, x)` and `cross(x, other, other)`, both of the streams as they come. The three
    projections of either kind, six in all, are one matrix product.

    Args:
        dim, heads, dropout: as `SegmentAttention`.

    Call arguments:
        x: `(batch, 2, segments, dim)`.

    Returns:
        Their sum, of the shape of `x`.

    Weights:
        projection `(dim, 6 * dim)` and its bias: query, key and value of the self-attention, then
        those of the cross-modal one; own_output, other_output.

    Reference:
        Tian et al., "Unified Multisensory Perception", ECCV 2020, section 4.1; published code.

    Example:
        >>> tuple(HybridAttention(dim=8)(ops.ones((1, 2, 10, 8))).shape)
        (1, 2, 10, 8)
    """

    def __init__(self, dim=512, heads=1, dropout=0.1, **kwargs):
        super().__init__(dim, heads, dropout, **kwargs)
        policy = self.dtype_policy
        self.own_output = Linear(dim, bias="zeros", dtype=policy, name="own_output")
        self.other_output = Linear(dim, bias="zeros", dtype=policy, name="other_output")
        self.drop_own = self.dropout_layer("drop_own")
        self.drop_other = self.dropout_layer("drop_other")

    def build(self, x_shape):
        self.projection, self.projection_bias = _add_projections(self, x_shape[-1], 6)
        self.own_output.build(x_shape)
        self.other_output.build(x_shape)

    def call(self, x, training=None):
        parts = _project(x, self.projection, self.projection_bias, 6)
        query, key, value, other_query, other_key, other_value = parts
        own = self.attend(query, key, value, training)
        other_key, other_value = swap_streams(other_key), swap_streams(other_value)
        other = self.attend(other_query, other_key, other_value, training)
        own = self.drop_own(self.own_output(own), training=training)
        return own + self.drop_other(self.other_output(other), training=training)


@keras.saving.register_keras_serializable(package="kavc")
class ContextAttention(_Attention):
    """Global-context-aware attention: a gate a segment lets the whole sequence's mean in.

    With `c` the mean of a stream over its segments, for queries x and keys z (x again, or the
    other stream):

        Q = x Wq + bq    K = z Wk + bk    V = z Wv + bv    Qc = c_x Wqc + bqc    Kc = c_z Wkc + bkc
        lq = sigmoid(Q wq + b + Qc wqc + b')                  lk alike of K and Kc
        out = softmax(((1 - lq) Q + lq Qc) ((1 - lk) K + lk Kc)^T / sqrt(dim / heads)) V Wo + bo

    With both gates at 0 it is `SegmentAttention`.

    Args:
        dim, heads, dropout, keys: as `SegmentAttention`.
        first_segment: bool. The published code takes `[0]` of what is no tuple any more: the first
            segment's output, for every segment. Defaults to False, the equations.

    Call arguments:
        x: `(batch, streams, segments, dim)`; two streams for "other".

    Returns:
        Of the shape of `x`.

    Weights:
        segments (dim to 3 * dim: Q, K, V), context (dim to 2 * dim: Qc, Kc), query_gate,
        query_context_gate, key_gate, key_context_gate (dim to 1 each), output_projection.

    Reference:
        Xuan et al., AAAI 2020; as published with Lamba et al., Interspeech 2021. The form is that
        of Yang et al., "Context-Aware Self-Attention Networks", AAAI 2019.

    Example:
        >>> tuple(ContextAttention(dim=8, keys="other")(ops.ones((1, 2, 10, 8))).shape)
        (1, 2, 10, 8)
    """

    GATES = ("query_gate", "query_context_gate", "key_gate", "key_context_gate")

    def __init__(self, dim=512, heads=1, dropout=0.1, keys="own", *, first_segment=False, **kwargs):
        super().__init__(dim, heads, dropout, **kwargs)
        _check_keys(keys)
        self.keys = keys
        self.first_segment = first_segment
        policy = self.dtype_policy
        self.segments = Linear(3 * dim, dtype=policy, name="segments")
        self.context = Linear(2 * dim, dtype=policy, name="context")
        for name in self.GATES:
            setattr(self, name, Linear(1, dtype=policy, name=name))
        self.output_projection = Linear(dim, dtype=policy, name="output_projection")
        self.drop_output = self.dropout_layer("drop_output")

    def build(self, x_shape):
        for layer in (self.segments, self.context, self.output_projection):
            layer.build(x_shape)
        for name in self.GATES:
            getattr(self, name).build((*x_shape[:-1], self.dim))

    def call(self, x, training=None):
        query, key, value = ops.split(self.segments(x), 3, axis=-1)
        context = self.context(ops.mean(x, axis=2, keepdims=True))
        query_context, key_context = ops.split(context, 2, axis=-1)
        query = _gated(query, query_context, self.query_gate, self.query_context_gate)
        key = _gated(key, key_context, self.key_gate, self.key_context_gate)
        if self.keys == "other":
            key, value = swap_streams(key), swap_streams(value)
        out = self.output_projection(self.attend(query, key, value, training))
        if self.first_segment:
            first = self.drop_output(out[:, :, :1], training=training)
            return ops.broadcast_to(first, ops.shape(out))
        return self.drop_output(out, training=training)

    def get_config(self):
        own = {"keys": self.keys, "first_segment": self.first_segment}
        return {**super().get_config(), **own}


def _check_keys(keys):
    if keys not in KEYS:
        raise ValueError(f"keys must be one of {', '.join(KEYS)}; received: {keys!r}")


def _add_projections(layer, width, parts):
    """Adds kernel and bias of some projections of one input; each three begin as PyTorch's.

    There query, key and value are one `(3 * dim, dim)` matrix, whose Xavier bound is narrower than
    that of each by itself.
    """
    units = parts * layer.dim
    begin = uniform((6 / (width + 3 * layer.dim)) ** 0.5)
    kernel = layer.add_weight(shape=(width, units), initializer=begin, name="projection")
    bias = layer.add_weight(shape=(units,), initializer="zeros", name="projection_bias")
    return kernel, bias


def _project(x, kernel, bias, parts):
    """Returns `parts` projections of `x`, `(..., dim)`, of one matrix product."""
    return ops.split(affine(x, kernel, bias), parts, axis=-1)


def _gated(segments, context, gate, context_gate):
    share = ops.sigmoid(gate(segments) + context_gate(context))
    return segments + share * (context - segments)


def _split_heads(x, heads):
    if heads == 1:
        return x
    leading = ops.shape(x)[:-1]
    return ops.swapaxes(ops.reshape(x, (*leading, heads, x.shape[-1] // heads)), -2, -3)


def _join_heads(x, heads):
    if heads == 1:
        return x
    x = ops.swapaxes(x, -2, -3)
    leading = ops.shape(x)[:-2]
    return ops.reshape(x, (*leading, heads * x.shape[-1]))
