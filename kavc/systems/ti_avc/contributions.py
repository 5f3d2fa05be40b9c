"""How much each input contributes to the correspondence learner: equation (1) of Su et al."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import keras
import numpy as np

INPUTS = ("vision", "audio", "predicted theme", "true theme")  # the columns of Table 2
KINDS = ("elementwise", "grouped")


def first_layer(network: keras.Model) -> tuple[keras.Model, np.ndarray]:
    """Returns what feeds the correspondence learner's first Conv1D, and that layer's kernel.

    Args:
        network: `TiAVC` or `JointTiAVC`.

    Returns:
        A model from the inputs of the correspondence learner's fusion to the joined input
        `(batch, frames, channels)`, and the kernel `(taps, channels, filters)`.

    Reference:
        Su et al., 2020, section 5.3.

    Example:
        >>> from kavc.systems.ti_avc.networks import TiAVC
        >>> joined, kernel = first_layer(TiAVC(themes=3, audio_dim=4, visual_dim=5))
        >>> joined.output.shape, kernel.shape  # 128 + 128 + 3 + 3 channels
        ((None, None, 262), (3, 262, 128))
    """
    fusion = network.correspondence_learner.fusion_network
    joined = keras.Model(fusion.input, fusion.get_layer("concatenate").output)
    kernel = keras.ops.convert_to_numpy(fusion.get_layer("conv1").kernel)
    return joined, kernel.astype(np.float64)


def contribution(
    x: np.ndarray, kernel: np.ndarray, groups: Mapping[str, slice], kind: str = "elementwise"
) -> dict[str, float]:
    """Information flow of each group of channels into a Conv1D with padding "same", stride 1.

    "elementwise" sums |W| |X| over every product that the convolution forms; "grouped" sums the
    absolute value of the partial pre-activation of each output, where signs cancel.

    Args:
        x: `(batch, frames, channels)`.
        kernel: `(taps, channels, filters)`.
        groups: name to its channels.
        kind: "elementwise" (the default: the paper speaks of absolute values of the inputs) or
            "grouped".

    Returns:
        Name to the sum over batch, frames and filters. Sums of batches add.

    Reference:
        Su et al., 2020, equation 1.

    Example:
        >>> x, kernel = np.ones((1, 4, 2)), np.ones((1, 2, 1))
        >>> kernel[0, 1] = -3
        >>> groups = {"audio": slice(0, 1), "vision": slice(1, 2)}
        >>> contribution(x, kernel, groups)
        {'audio': 4.0, 'vision': 12.0}
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, not {kind!r}")
    x = np.asarray(x, np.float64)
    taps = kernel.shape[0]
    before = (taps - 1) // 2
    frames = x.shape[1]
    if kind == "grouped":
        padded = np.pad(x, ((0, 0), (before, taps - 1 - before), (0, 0)))
        windows = np.stack([padded[:, tap : tap + frames] for tap in range(taps)], axis=2)
        return {
            name: float(np.abs(np.einsum("bntc,tcf->bnf", windows[..., c], kernel[:, c])).sum())
            for name, c in groups.items()
        }
    # A frame at the end meets fewer taps: tap j carries position p to output p - j + before.
    outputs = np.arange(frames)[:, None] - np.arange(taps) + before
    used = (outputs >= 0) & (outputs < frames)
    weight = used.astype(np.float64) @ np.abs(kernel).sum(axis=2)
    flow = (np.abs(x).sum(axis=0) * weight).sum(axis=0)
    return {name: float(flow[c].sum()) for name, c in groups.items()}


def channel_groups(
    visual: int, audio: int, themes: int, *, product: bool, theme_input: str
) -> dict[str, slice]:
    """Returns the channels of each input in the first Conv1D, in the order of concatenation.

    Reference:
        Su et al., 2020, table 2, whose columns have this order.

    Example:
        >>> channel_groups(128, 128, 19, product=False, theme_input="conv")["true theme"]
        slice(275, 294, None)
    """
    widths = {"vision": visual, "audio": audio}
    if product:
        widths["product"] = visual
    if theme_input == "conv":
        widths |= {"predicted theme": themes, "true theme": themes}
    ends = np.cumsum(list(widths.values()))
    return {
        name: slice(int(end) - width, int(end))
        for (name, width), end in zip(widths.items(), ends, strict=True)
    }


def proportions(sums: Mapping[str, float]) -> dict[str, float]:
    """Returns each sum's share of the whole; NaN if nothing flows.

    Reference:
        Su et al., 2020, table 2.

    Example:
        >>> proportions({"vision": 1.0, "audio": 3.0})
        {'vision': 0.25, 'audio': 0.75}
    """
    total = sum(sums.values())
    return {name: value / total if total else float("nan") for name, value in sums.items()}


def added(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Adds sums by name.

    Example:
        >>> added([{"vision": 1.0, "audio": 2.0}, {"vision": 0.5}])
        {'vision': 1.5, 'audio': 2.0}
    """
    total: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0.0) + value
    return total
