"""Ready-made figures that any system's report can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.evaluation.delong import auc_interval
from kavc.evaluation.estimate import Estimate
from kavc.evaluation.figure import Figure
from kavc.evaluation.proportions import wilson_interval
from kavc.evaluation.style import (
    DARK,
    DASHES,
    GREY,
    LIGHT,
    PALETTE,
    SMALL,
    legend_above,
    literal,
    plain_axes,
)
from kavc.metrics.binary import check_binary
from kavc.metrics.calibration import (
    ReliabilityBins,
    expected_calibration_error,
    reliability_bins,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase


def bars(
    name: str,
    groups: Sequence[str],
    values: ArrayLike,
    intervals: ArrayLike | None = None,
    *,
    value_label: str = "AUC (%)",
    line: float | None = None,
    line_label: str = "",
    chance: float | None = None,
    caption: str = "",
    source: str = "",
) -> Figure:
    """A share of each group, from 0 to 100 %: a pale bar, and at its end a dot with its interval.

    Figure 2 of the Ti-AVC paper, where a group is a theme and the line the baseline's overall AUC;
    lying, so that names of any length are read without turning the head.

    Args:
        name: file name of the figure.
        groups: names, from above to below, written in full beside the bars.
        values: `(groups,)`, in per cent; NaN leaves the group without a bar and says "n/a".
        intervals: `(groups, 2)`, lower and upper ends in per cent, drawn as whiskers; NaN leaves
            them out, as does a group without a value. None for no whiskers at all.
        value_label: name of the value axis.
        line: place of a line on the value axis, in per cent.
        line_label: what the line is, in the legend.
        chance: place of a dashed line, what a guess gives, in per cent.
        caption, source: see `Figure`.

    Raises:
        DataError: `values` or `intervals` have not one entry a group, or lie outside 0 to 100; or
            there is no group.

    Example:
        >>> bars("themes", ["Music", "Sport"], [78.7, np.nan], [[70, 85], [np.nan, np.nan]])
        Figure('themes', ... inches, '')
    """
    count = len(groups)
    lengths = _shares("values", values, (count,))
    nothing = np.full((count, 2), np.nan)
    ends = _shares("intervals", nothing if intervals is None else intervals, (count, 2))
    ends = np.where(np.isnan(lengths)[:, None], np.nan, ends)

    def draw(canvas: FigureBase) -> None:
        axes = plain_axes(canvas.subplots(), value_label, "")
        axes.set(xlim=(0, 100), ylim=(count - 0.4, -0.6))
        axes.grid(False, axis="y")
        _shares_of_groups(axes, lengths, ends, value_label)
        if chance is not None:
            label = f"chance: {chance:.4g} %"
            axes.axvline(chance, color=GREY, linestyle="--", linewidth=1, label=label)
        if line is not None:
            label = f"{literal(line_label)}: {line:.2f} %".removeprefix(": ")
            axes.axvline(line, color=PALETTE[1], linewidth=1.8, label=label)
        axes.set_yticks(range(count), [literal(group) for group in groups])
        legend_above(canvas, [axes])

    size = max(7.0, 4.6 + 0.075 * max(map(len, groups))), 1.4 + 0.26 * count
    return Figure(name, caption, draw, (min(size[0], 40.0), min(size[1], 40.0)), source)


def _shares(what: str, numbers: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    numbers = np.asarray(numbers, np.float64)
    if numbers.shape != shape or not shape[0]:
        raise DataError(
            f"{what} have shape {numbers.shape} for {shape[0]} groups; expected {shape}, one a "
            "group and one group at least"
        )
    if (numbers < 0).any() or (numbers > 100).any():
        raise DataError(
            f"{what} span {np.nanmin(numbers):.4g} to {np.nanmax(numbers):.4g}; expected 0 to 100, "
            "in per cent"
        )
    return numbers


def _shares_of_groups(axes: Axes, lengths: np.ndarray, ends: np.ndarray, label: str) -> None:
    at = np.arange(len(lengths))
    axes.barh(at, lengths, 0.6, color=LIGHT)
    axes.hlines(at, *ends.T, color=DARK, linewidth=1.4, clip_on=False)
    # A dot is seen where a bar has no length; nothing cuts it off at the ends of the axis.
    axes.plot(lengths, at, "o", color=DARK, markersize=5, clip_on=False, zorder=4, label=label)
    for group in np.flatnonzero(np.isnan(lengths)):
        axes.text(1, group, "n/a", ha="left", va="center", fontsize=SMALL, color=GREY)


def reliability(
    name: str,
    labels: ArrayLike,
    probabilities: ArrayLike,
    bins: int = 10,
    *,
    caption: str = "",
    source: str = "",
) -> Figure:
    """Observed frequency over predicted probability, in bins of equal mass, and what is predicted.

    Each bin has Wilson's 95 % interval, which says how much of a deviation is its few examples.

    Args:
        name: file name of the figure.
        labels, probabilities, bins: see `kavc.metrics.reliability_bins`.
        caption, source: see `Figure`.

    Reference:
        Wilson, 1927 (the interval of a share).

    Example:
        >>> reliability("calibration", [0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9], 2, caption="Two bins.")
        Figure('calibration', ... inches, 'Two bins.')
    """
    found = reliability_bins(labels, probabilities, bins)
    error = expected_calibration_error(labels, probabilities, bins)
    labels, probabilities = check_binary(labels, probabilities)
    model = f"model, calibration error {error:.3f} ({len(labels):,} examples)"

    def draw(canvas: FigureBase) -> None:
        from matplotlib.ticker import MaxNLocator

        upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        plain_axes(upper, "", "observed share of label 1")
        upper.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, label="perfectly calibrated")
        look = {"color": PALETTE[0], "clip_on": False}
        upper.vlines(
            found.probability,
            *_ends(found).T,
            linewidth=1.2,
            label="95 % interval",
            **look,
        )
        upper.plot(found.probability, found.frequency, "o", markersize=5, label=model, **look)
        upper.set(xlim=(0, 1), ylim=(0, 1))
        plain_axes(lower, "predicted probability of label 1", "examples")
        edges = np.linspace(0, 1, 21)
        both = [probabilities[labels], probabilities[~labels]]
        lower.hist(
            both, edges, stacked=True, color=[DARK, LIGHT], label=["labelled 1", "labelled 0"]
        )
        lower.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        canvas.align_ylabels()
        legend_above(canvas, [upper, lower])

    return Figure(name, caption, draw, (5.6, 5.8), source)


def _ends(found: ReliabilityBins) -> np.ndarray:
    """`(bins, 2)`: lower and upper ends of each bin's interval."""
    hits = np.rint(found.frequency * found.count).astype(int)
    pairs = zip(hits.tolist(), found.count.tolist(), strict=True)
    return np.array([wilson_interval(*pair).interval for pair in pairs])


def roc(
    name: str,
    labels: ArrayLike,
    systems: Mapping[str, ArrayLike],
    *,
    caption: str = "",
    source: str = "",
) -> Figure:
    """ROC curves of systems on the same examples, with AUC and DeLong's 95 % interval, in per cent.

    Args:
        name: file name of the figure.
        labels: `(n,)`, 0 or 1, of both kinds.
        systems: system name to its scores `(n,)`; at most six, one a colour.
        caption, source: see `Figure`.

    Raises:
        DataError: see `kavc.metrics.check_binary`; or a class is missing, or there are no systems
            or more than six.

    Reference:
        DeLong et al., 1988 (the interval of an AUC).

    Example:
        >>> labels = [0] * 10 + [1] * 10
        >>> roc("roc", labels, {"Ti-AVC": np.arange(20), "baseline": np.arange(20) % 10})
        Figure('roc', ... inches, '')
    """
    checked = {system: check_binary(labels, scores, system) for system, scores in systems.items()}
    if not 1 <= len(checked) <= len(PALETTE):
        raise DataError(f"figure {name!r} has {len(checked)} systems, expected 1 to {len(PALETTE)}")
    found = {system: auc_interval(*pair) for system, pair in checked.items()}
    if np.isnan(next(iter(found.values())).value):
        raise DataError(f"figure {name!r}: a ROC curve needs both classes; labels are of one")
    positives = int(np.sum(next(iter(checked.values()))[0]))
    negatives = len(next(iter(checked.values()))[0]) - positives

    def draw(canvas: FigureBase) -> None:
        from sklearn.metrics import roc_curve

        axes = plain_axes(
            canvas.subplots(),
            f"false positive rate (% of {negatives:,} labelled 0)",
            f"true positive rate (% of {positives:,} labelled 1)",
        )
        for (system, pair), colour, dash in zip(checked.items(), PALETTE, DASHES, strict=False):
            label = f"{literal(system)}: AUC {_percent(found[system])}"
            false_positives, true_positives, _ = roc_curve(*pair)
            rates = 100 * false_positives, 100 * true_positives
            axes.plot(*rates, color=colour, linestyle=dash, linewidth=1.8, label=label)
        axes.plot([0, 100], [0, 100], ":", color=GREY, linewidth=1, label="chance: AUC 50 %")
        axes.set(xlim=(0, 100), ylim=(0, 100.5), aspect="equal")
        legend_above(canvas, [axes])

    return Figure(name, caption, draw, (5.0, 4.9 + 0.2 * len(checked)), source)


def _percent(auc: Estimate) -> str:
    """Such as "78.73 % [78.05, 79.41]", without the interval where there is none."""
    interval = "" if np.isnan(auc.low) else f" [{100 * auc.low:.2f}, {100 * auc.high:.2f}]"
    return f"{100 * auc.value:.2f} %{interval}"
