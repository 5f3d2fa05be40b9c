"""Losses that tell matching pairs from all others in the batch."""

from __future__ import annotations

from keras import ops


def info_nce(queries, keys, *, temperature=0.07):
    """Symmetric InfoNCE loss of matching rows.

    Args:
        queries: `(batch, dim)`. Row i matches row i of `keys`, and no other row.
        keys: `(batch, dim)`.
        temperature: float > 0, or a scalar. Divides the cosine similarities.

    Returns:
        `(batch,)`, one loss a pair: the mean of both directions.

    Reference:
        van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018,
        equation 4; both directions as Radford et al., 2021 (CLIP).

    Example:
        >>> import numpy as np
        >>> bool(ops.max(info_nce(np.eye(3, dtype="float32"), np.eye(3, dtype="float32"))) < 1e-5)
        True
    """
    # In mixed precision the sum over a batch would lose what tells one pair from the next.
    queries, keys = (unit_norm(ops.cast(x, "float32")) for x in (queries, keys))
    logits = ops.matmul(queries, ops.transpose(keys)) / temperature
    both_ways = ops.logsumexp(logits, axis=1) + ops.logsumexp(logits, axis=0)
    return both_ways / 2 - ops.diagonal(logits)


def unit_norm(x, epsilon=1e-12):
    """Scales the rows of `x`, `(batch, dim)`, to norm 1; a row of zeros stays as it is."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), epsilon))
