"""Losses that tell what belongs together from all else: in the batch, or in a video."""

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


def segment_contrastive_loss(audio, visual, *, temperature=0.2, smoothing=0.1):
    """Each segment's sound should tell its own pictures from those of the video's other segments.

    Args:
        audio: `(batch, segments, dim)`.
        visual: `(batch, segments, dim)`.
        temperature: float. Divides the cosines; 0.2 in the published code.
        smoothing: float. Share of the target that is spread evenly over the other segments.

    Returns:
        `(batch,)`, the mean over segments of their cross-entropies.

    Reference:
        Wu and Yang, CVPR 2021, equation 8; published code.

    Example:
        >>> import numpy as np
        >>> own = np.eye(4, dtype="float32")[None]  # each segment differs from all others
        >>> right = segment_contrastive_loss(own, own)
        >>> wrong = segment_contrastive_loss(own, np.roll(own, 1, axis=1))
        >>> bool(right[0] < wrong[0]), tuple(right.shape)
        (True, (1,))
    """
    audio, visual = (x * ops.rsqrt(_squares(x)) for x in (audio, visual))
    logits = ops.matmul(audio, ops.swapaxes(visual, 1, 2)) / temperature
    chances = ops.log_softmax(logits, axis=-1)
    segments = audio.shape[1]
    others = smoothing / (segments - 1)
    matching = ops.sum(chances * ops.eye(segments, dtype=chances.dtype), axis=-1)
    losses = -(1 - smoothing - others) * matching - others * ops.sum(chances, axis=-1)
    return ops.mean(losses, axis=-1)


def _squares(x):
    return ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), 1e-16)


def unit_norm(x, epsilon=1e-12):
    """Scales the rows of `x`, `(batch, dim)`, to norm 1; a row of zeros stays as it is.

    Example:
        >>> rows = ops.convert_to_tensor([[0.0, 4.0], [0.0, 0.0]])
        >>> ops.convert_to_numpy(unit_norm(rows)).tolist()
        [[0.0, 1.0], [0.0, 0.0]]
    """
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), epsilon))
