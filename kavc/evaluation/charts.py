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
from kavc.evaluation.style import (
    DARK,
    GREY,
    LIGHT,
    PALETTE,
    legend_above,
    literal,
    plain_axes,
)
from kavc.metrics.binary import check_binary
from kavc.metrics.calibration import expected_calibration_error, reliability_bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas


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

    Figure 2 of the Ti-AVC paper, where a group is a theme and the line the baseline's overall AUC.

    Args:
        name: file name of the figure.
        groups: names, written in full below the bars.
        values: `(groups,)`, in per cent; NaN leaves the group without a bar and says "n/a".
        intervals: `(groups, 2)`, lower and upper ends in per cent, drawn as whiskers; NaN leaves
            them out, as does a group without a value. None for no whiskers at all.
        value_label: name of the value axis.
        line: height of a horizontal line on the value axis, in per cent.
        line_label: what the line is, in the legend.
        chance: height of a dashed line, what a guess gives, in per cent.
        caption, source: see `Figure`.

    Raises:
        DataError: `values` or `intervals` have not one entry a group, or lie outside 0 to 100; or
            there is no group.
    """
    count = len(groups)
    heights = _shares("values", values, (count,))
    nothing = np.full((count, 2), np.nan)
    ends = _shares("intervals", nothing if intervals is None else intervals, (count, 2))
    ends = np.where(np.isnan(heights)[:, None], np.nan, ends)

    def draw(canvas: Canvas) -> None:
        axes = plain_axes(canvas.subplots(), "", value_label)
        axes.set(ylim=(0, 100), xlim=(-0.6, count - 0.4))
        axes.grid(False, axis="x")
        _shares_of_groups(axes, heights, ends, value_label)
        if chance is not None:
            label = f"chance: {chance:.4g} %"
            axes.axhline(chance, color=GREY, linestyle="--", linewidth=1, label=label)
        if line is not None:
            label = f"{literal(line_label)}: {line:.2f} %".removeprefix(": ")
            axes.axhline(line, color=PALETTE[1], linewidth=1.8, label=label)
        _group_names(axes, groups)
        legend_above(canvas, [axes])

    slant = 0.0 if _fit_upright(groups) else 0.05 * max(map(len, groups))
    size = max(6.0, 1.6 + 0.42 * count, 3 + slant), max(4.4, 3.6 + slant)
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


def _shares_of_groups(axes: Axes, heights: np.ndarray, ends: np.ndarray, label: str) -> None:
    at = np.arange(len(heights))
    axes.bar(at, heights, 0.6, color=LIGHT)
    axes.vlines(at, *ends.T, color=DARK, linewidth=1.4, clip_on=False)
    # A dot is seen where a bar has no height; nothing cuts it off at the ends of the axis.
    axes.plot(at, heights, "o", color=DARK, markersize=5, clip_on=False, zorder=4, label=label)
    for group in np.flatnonzero(np.isnan(heights)):
        axes.text(group, 1, "n/a", ha="center", va="bottom", fontsize=8, color=GREY)


def _group_names(axes: Axes, groups: Sequence[str]) -> None:
    names = [literal(group) for group in groups]
    if _fit_upright(groups):
        axes.set_xticks(range(len(names)), names)
    else:
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")


def _fit_upright(groups: Sequence[str]) -> bool:
    """Whether names are short and few enough to stand side by side."""
    return max(map(len, groups)) * len(groups) <= 60


def curves(
    name: str,
    stages: Mapping[str, Mapping[str, Sequence[float]]],
    metrics: Sequence[str] = ("loss", "val_loss"),
    *,
    best: Mapping[str, int] | None = None,
    value_label: str = "loss",
    caption: str = "",
    source: str = "",
) -> Figure:
    """Training curves, one panel a stage, each with its own value axis.

    Args:
        name: file name of the figure.
        stages: stage name to {metric name: one value an epoch}, as Keras' `History.history`.
        metrics: which of them to draw, the first with the first colour and so on; a stage that
            lacks one leaves it out.
        best: stage name to the epoch, from 1, whose weights were kept; marked by a dashed line.
        value_label: name of the value axes.
        caption, source: see `Figure`.

    Raises:
        DataError: there is no stage.
    """
    if not stages:
        raise DataError(f"figure {name!r} has no stage to draw; expected one or more")
    best = best or {}

    def draw(canvas: Canvas) -> None:
        from matplotlib.ticker import MaxNLocator

        panels = canvas.subplots(1, len(stages), squeeze=False)[0]
        for axes, (stage, history) in zip(panels, stages.items(), strict=True):
            plain_axes(axes, "epoch", value_label if axes is panels[0] else "", literal(stage))
            for metric, colour in zip(metrics, PALETTE, strict=False):
                if metric in history:
                    epochs = np.arange(1, len(history[metric]) + 1)
                    axes.plot(epochs, history[metric], ".-", color=colour, label=literal(metric))
            if stage in best:
                axes.axvline(
                    best[stage], color=GREY, linestyle="--", linewidth=1, label="epoch kept"
                )
            longest = max((len(history.get(metric, ())) for metric in metrics), default=0)
            axes.set_xlim(0.5, max(longest, 1) + 0.5)
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
            axes.margins(y=0.1)
        legend_above(canvas, list(panels))

    return Figure(name, caption, draw, (min(2.2 + 3.4 * len(stages), 40.0), 3.8), source)


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

    Args:
        name: file name of the figure.
        labels, probabilities, bins: see `kavc.metrics.reliability_bins`.
        caption, source: see `Figure`.
    """
    found = reliability_bins(labels, probabilities, bins)
    error = expected_calibration_error(labels, probabilities, bins)
    labels, probabilities = check_binary(labels, probabilities)

    def draw(canvas: Canvas) -> None:
        upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        plain_axes(upper, "", "observed frequency of 1")
        upper.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, label="perfectly calibrated")
        upper.plot(
            found.probability,
            found.frequency,
            "o-",
            color=PALETTE[0],
            clip_on=False,
            label=f"model (calibration error {error:.3f})",
        )
        upper.set(xlim=(0, 1), ylim=(0, 1.02))
        plain_axes(lower, "predicted probability of 1", "examples")
        edges = np.linspace(0, 1, 21)
        both = [probabilities[labels], probabilities[~labels]]
        lower.hist(
            both, edges, stacked=True, color=[DARK, LIGHT], label=["labelled 1", "labelled 0"]
        )
        canvas.align_ylabels()
        legend_above(canvas, [upper, lower])

    return Figure(name, caption, draw, (5.2, 5.6), source)


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
    """
    checked = {system: check_binary(labels, scores, system) for system, scores in systems.items()}
    if not 1 <= len(checked) <= len(PALETTE):
        raise DataError(f"figure {name!r} has {len(checked)} systems, expected 1 to {len(PALETTE)}")
    found = {system: auc_interval(*pair) for system, pair in checked.items()}
    if np.isnan(next(iter(found.values())).value):
        raise DataError(f"figure {name!r}: a ROC curve needs both classes; labels are of one")

    def draw(canvas: Canvas) -> None:
        from sklearn.metrics import roc_curve

        axes = plain_axes(canvas.subplots(), "false positive rate (%)", "true positive rate (%)")
        for (system, pair), colour in zip(checked.items(), PALETTE, strict=False):
            label = f"{literal(system)}: AUC {_percent(found[system])}"
            false_positives, true_positives, _ = roc_curve(*pair)
            rates = 100 * false_positives, 100 * true_positives
            axes.plot(*rates, color=colour, linewidth=1.8, label=label)
        axes.plot([0, 100], [0, 100], "--", color=GREY, linewidth=1, label="chance: AUC 50 %")
        axes.set(xlim=(0, 100), ylim=(0, 100.5), aspect="equal")
        legend_above(canvas, [axes])

    return Figure(name, caption, draw, (5.0, 5.4 + 0.2 * len(checked)), source)


def _percent(auc: Estimate) -> str:
    """Such as "78.73 % [78.05, 79.41]", without the interval where there is none."""
    interval = "" if np.isnan(auc.low) else f" [{100 * auc.low:.2f}, {100 * auc.high:.2f}]"
    return f"{100 * auc.value:.2f} %{interval}"
