"""Losses of pairs that are marked as matching or not, and of the labels beside them."""

from __future__ import annotations

from keras import ops

CLASS_TERM = ("sum", "sqrt")


def cosine_pair_loss(cosine, is_negative, *, margin=0.2, scale_hinge=False):
    """Pulls matching pairs together, and others apart down to a margin.

    Args:
        cosine: `(batch,)`, cosine similarity of each pair.
        is_negative: `(batch,)`, true or 1 where the two do not belong together.
        margin: float in [0, 1). Similarity above which a negative pair is pushed; 0.2 in the paper.
        scale_hinge: whether the hinge is divided by 1 - margin, as the published code does.

    Returns:
        `(batch,)`: 1 - cosine for a matching pair, max(0, cosine - margin) for another.

    Reference:
        Surís et al., "Cross-modal Embeddings for Video and Audio Retrieval", 2018, section 3.

    Example:
        >>> cosine = ops.convert_to_tensor([0.5, 0.5, 0.25])
        >>> ops.convert_to_numpy(cosine_pair_loss(cosine, [0, 1, 1], margin=0.25)).tolist()
        [0.5, 0.25, 0.0]
    """
    hinge = ops.relu(cosine - margin) / ((1 - margin) if scale_hinge else 1)
    return ops.where(ops.cast(is_negative, "bool"), hinge, 1 - cosine)


def distance_pair_loss(distance, matches, *, margin=2.0):
    """Draws matching pairs together, and others apart up to a margin.

    Args:
        distance: `(batch,)`, at least 0.
        matches: `(batch,)`, 1 where the two belong together, else 0.
        margin: float. Distance from which on others are left alone; 2 in AVE's code.

    Returns:
        `(batch,)`: the square of the distance, or of what it lacks to the margin.

    Reference:
        Hadsell et al., "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006;
        Tian et al., ECCV 2018, equation 9.

    Example:
        >>> distance = ops.convert_to_tensor([3.0, 0.5, 3.0])
        >>> matches = ops.convert_to_tensor([1, 0, 0])
        >>> ops.convert_to_numpy(distance_pair_loss(distance, matches)).tolist()
        [9.0, 2.25, 0.0]
    """
    matches = ops.cast(matches, distance.dtype)
    lacking = ops.relu(margin - distance)
    return matches * ops.square(distance) + (1 - matches) * ops.square(lacking)


def multilabel_cross_entropy(logits, labels, *, epsilon=0.0):
    """Sum over labels of the binary cross-entropies.

    Args:
        logits: `(batch, labels)`.
        labels: `(batch, labels)`, 0 or 1.
        epsilon: float. Added to the probabilities under the logarithm; 1e-5 in the published code,
            which takes the logarithm of sigmoids. 0 is exact, from the logits.

    Returns:
        `(batch,)`.

    Reference:
        Surís et al., 2018, section 3; published code.

    Example:
        >>> logits = ops.convert_to_tensor([[0.0, 50.0, -50.0]])
        >>> round(float(multilabel_cross_entropy(logits, ops.convert_to_tensor([[1, 1, 0]]))[0]), 4)
        0.6931
    """
    labels = ops.cast(labels, logits.dtype)
    if not epsilon:
        return ops.sum(ops.softplus(logits) - labels * logits, axis=-1)
    probability = ops.sigmoid(logits)
    yes = labels * ops.log(probability + epsilon)
    no = (1 - labels) * ops.log(1 - probability + epsilon)
    return -ops.sum(yes + no, axis=-1)


def class_term(audio, visual, *, kind="sum"):
    """Joins the mean cross-entropies of the two branches.

    Args:
        audio, visual: scalars.
        kind: "sum" (the paper, as it reads), or "sqrt", the root of the sum (published code).

    Reference:
        Surís et al., 2018, section 3.

    Example:
        >>> float(class_term(2.0, 2.0)), float(class_term(2.0, 2.0, kind="sqrt"))
        (4.0, 2.0)
    """
    if kind not in CLASS_TERM:
        raise ValueError(f"kind must be one of {', '.join(CLASS_TERM)}; received: {kind!r}")
    return ops.sqrt(audio + visual) if kind == "sqrt" else audio + visual
