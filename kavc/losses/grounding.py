"""Contrastive losses of audio-visual grounding: segments of one group are alike, others are not.

Of each video one segment is the anchor. What is in its group should be closer to it than a margin,
what isn't should be further off than another; closeness is the cosine.
"""

from __future__ import annotations

from keras import ops

MARGIN = 0.7  # of both kinds, in the published code; the paper gives none
EPSILON = 1e-8  # least norm, as PyTorch's cosine has it


def unimodal_grounding_loss(
    audio, visual, groups, anchor, *, positive_margin=MARGIN, negative_margin=MARGIN
):
    """The anchor's sound against all sounds of its video, and its picture against all pictures.

    Args:
        audio, visual: `(batch, segments, dim)`.
        groups: `(batch, segments, segments)`, 1 where two segments are in one group, else 0.
        anchor: `(batch,)` or one for all; the segment i that is compared with all.
        positive_margin, negative_margin: float. p and n.

    Returns:
        `(batch,)`, summed over the segments as in the paper; the published code has their mean.

    Reference:
        Lamba et al., 2021, equation 4.

    Example:
        >>> import numpy as np
        >>> segments = np.array([[[1, 0], [1, 0], [0, 1]]], "float32")  # the third is unlike
        >>> groups = np.array([[[1, 1, 0], [1, 1, 0], [0, 0, 1]]])
        >>> float(unimodal_grounding_loss(segments, segments, groups, np.array([0]))[0])
        0.0
        >>> all_one = np.ones((1, 3, 3))
        >>> round(float(unimodal_grounding_loss(segments, segments, all_one, np.array([0]))[0]), 6)
        1.4
    """
    margins = (positive_margin, negative_margin)
    return _one_way(audio, audio, groups, anchor, *margins) + _one_way(
        visual, visual, groups, anchor, *margins
    )


def cross_modal_grounding_loss(
    audio, visual, groups, anchor, *, positive_margin=MARGIN, negative_margin=MARGIN
):
    """The anchor's sound against all pictures of its video, and its picture against all sounds.

    Args, returns: as `unimodal_grounding_loss`.

    Reference:
        Lamba et al., 2021, equation 5.

    Example:
        >>> import numpy as np
        >>> audio = groups = np.eye(2, dtype="float32")[None]
        >>> loss = cross_modal_grounding_loss(audio, audio[:, ::-1], groups, np.array([0]))
        >>> round(float(loss[0]), 6)  # each way: 0.7 too little, 0.3 too much
        2.0
    """
    margins = (positive_margin, negative_margin)
    return _one_way(audio, visual, groups, anchor, *margins) + _one_way(
        visual, audio, groups, anchor, *margins
    )


def multimodal_grounding_loss(
    audio, visual, groups, anchor, *, positive_margin=MARGIN, negative_margin=MARGIN
):
    """Both of the above, added.

    Args, returns: as `unimodal_grounding_loss`.

    Reference:
        Lamba et al., 2021, equation 6; the published code has one in odd and one in even epochs.

    Example:
        >>> import numpy as np
        >>> segments = np.eye(3, dtype="float32")[None]
        >>> loss = multimodal_grounding_loss(segments, segments, segments, np.array([0]))
        >>> float(loss[0])  # like itself, unlike all others, in both modalities
        0.0
    """
    arguments = (audio, visual, groups, anchor)
    margins = {"positive_margin": positive_margin, "negative_margin": negative_margin}
    return unimodal_grounding_loss(*arguments, **margins) + cross_modal_grounding_loss(
        *arguments, **margins
    )


def _one_way(anchors, others, groups, anchor, positive_margin, negative_margin):
    """Returns the loss of one kind of anchors against one kind of others, `(batch,)`."""
    chosen = ops.one_hot(ops.reshape(anchor, (-1, 1)), groups.shape[1], dtype=anchors.dtype)
    positive = ops.matmul(chosen, ops.cast(groups, anchors.dtype))[:, 0]
    near = ops.matmul(_unit(ops.matmul(chosen, anchors)), ops.swapaxes(_unit(others), 1, 2))[:, 0]
    pulled = positive * ops.relu(positive_margin - near)
    pushed = (1 - positive) * ops.relu(near - negative_margin)
    return ops.sum(pulled + pushed, axis=-1)


def _unit(x):
    """Returns vectors divided by their norms."""
    # The root of what is no less than this, since that of 0 has no gradient.
    return x * ops.rsqrt(ops.maximum(ops.sum(x * x, axis=-1, keepdims=True), EPSILON**2))
