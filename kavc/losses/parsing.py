"""Losses of probabilities that were pooled from segments, against labels of whole videos."""

from __future__ import annotations

from keras import ops

EPSILON = 1e-7  # the published clip


def probability_cross_entropy(probability, target, *, positive_weight=1.0, epsilon=EPSILON):
    """Binary cross-entropy of probabilities that are no sigmoids of anything, mean over classes.

    Args:
        probability: `(batch, ..., classes)`. Clipped to [epsilon, 1 - epsilon]; what is outside has
            no gradient.
        target: broadcasts to that shape; in [0, 1].
        positive_weight: float. Weight of what is there, against what is not.
        epsilon: float. 1e-7 in the published code.

    Returns:
        `(batch, ...)`.

    Reference:
        Published code of Tian et al., ECCV 2020.

    Example:
        >>> probability = ops.convert_to_tensor([[1.0, 0.5]])
        >>> round(float(probability_cross_entropy(probability, [[1, 0]])[0]), 4)  # log 2 / 2
        0.3466
    """
    probability = ops.clip(probability, epsilon, 1 - epsilon)
    target = ops.cast(target, probability.dtype)
    yes = positive_weight * target * ops.log(probability)
    return -ops.mean(yes + (1 - target) * ops.log(1 - probability), axis=-1)


def smooth_labels(labels, keep):
    """Draws labels towards one half: `keep * labels + (1 - keep) / 2`.

    Args:
        labels: any shape, in [0, 1].
        keep: float in [0, 1]. 1 leaves them; 0.9, of the pictures' labels, makes 0.95 and 0.05.

    Reference:
        Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7.

    Example:
        >>> round(smooth_labels(1, 0.9), 4), round(smooth_labels(0, 0.9), 4)
        (0.95, 0.05)
    """
    return keep * labels + (1 - keep) / 2


def parsing_losses(outputs, labels, *, audio_keep=1.0, visual_keep=0.9):
    """The three losses of weakly supervised parsing: of the video, and of either modality.

    Args:
        outputs: dict of "video_probability", "audio_probability" and "visual_probability",
            `(batch, classes)`.
        labels: `(batch, classes)` for all three, or a dict of "video", "audio" and "visual"; with
            "dropped" `(batch, 2, classes)`, 1 where a label is none of the sound, of the pictures.
            Its target there is 0, and not smoothed.
        audio_keep, visual_keep: see `smooth_labels`.

    Returns:
        dict of "video" (the paper's L_wsl), "audio" and "visual" (their sum is L_g), `(batch,)`.
        Where the probabilities have more axes between, `(batch, ...)`.

    Reference:
        Tian et al., ECCV 2020, equations 7 and 8; smoothing as in section 4.3 and published code.

    Example:
        >>> names = ("video_probability", "audio_probability", "visual_probability")
        >>> outputs = {name: ops.convert_to_tensor([[0.95, 0.05]]) for name in names}
        >>> losses = parsing_losses(outputs, ops.convert_to_tensor([[1.0, 0.0]]))
        >>> {name: round(float(loss[0]), 4) for name, loss in losses.items()}  # visual is smoothed
        {'video': 0.0513, 'audio': 0.0513, 'visual': 0.1985}
    """
    if not isinstance(labels, dict):
        labels = dict.fromkeys(("video", "audio", "visual"), labels)
    targets = {
        "video": labels["video"],
        "audio": smooth_labels(labels["audio"], audio_keep),
        "visual": smooth_labels(labels["visual"], visual_keep),
    }
    if "dropped" in labels:
        for at, (name, keep) in enumerate((("audio", audio_keep), ("visual", visual_keep))):
            # Linear in labels and in what is dropped of them: of mixed videos the mix is right.
            dropped = labels["dropped"][..., at, :]
            targets[name] = keep * (labels[name] - dropped) + (1 - keep) / 2 * (1 - dropped)
    return {
        name: probability_cross_entropy(outputs[f"{name}_probability"], target)
        for name, target in targets.items()
    }


def modality_cross_entropy(logits, is_visual):
    """Cross-entropy of a modality discriminator, plain and with its sign: it is to be minimised.

    The encoder works against it by `kavc.layers.GradientReversal`, and not by another sign.

    Args:
        logits: `(rows,)`.
        is_visual: `(rows,)`, 1 for pictures and 0 for sound.

    Returns:
        `(rows,)`.

    Reference:
        Lamba et al., 2021, equation 2, whose second logarithm lacks "1 -".

    Example:
        >>> losses = modality_cross_entropy(ops.convert_to_tensor([0.0, 50.0]), [1, 1])
        >>> round(float(losses[0]), 4), round(float(losses[1]), 4)
        (0.6931, 0.0)
    """
    return ops.softplus(logits) - ops.cast(is_visual, logits.dtype) * logits
