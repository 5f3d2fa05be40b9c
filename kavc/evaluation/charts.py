"""Ready-made figures that any system's report can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.evaluation.delong import auc_interval
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
    counts: ArrayLike | None = None,
    *,
    value_label: str = "AUC",
    count_label: str = "pairs",
    line: float | None = None,
    line_label: str = "",
    limits: tuple[float, float] = (0.0, 1.0),
    caption: str = "",
    source: str = "",
) -> Figure:
    """One dark bar a group on the left axis, one light bar of its count on the right axis.

    Figure 2 of the Ti-AVC paper, where a group is a theme and the line the baseline's overall AUC.

    Args:
        name: file name of the figure.
        groups: names, written in full below the bars.
        values: `(groups,)`; NaN leaves the group without a bar and says "n/a".
        counts: `(groups,)`, or None for no light bars.
        value_label, count_label: names of the two axes.
        line: height of a horizontal line on the value axis.
        line_label: what the line is, in the legend.
        limits: ends of the value axis, widened to hold every value; its label says where it begins.
        caption, source: see `Figure`.

    Raises:
        DataError: `values` or `counts` have not one entry a group, or there is no group.
    """
    heights = _one_a_group("values", values, groups)
    amounts = None if counts is None else _one_a_group("counts", counts, groups)
    low, high = _limits(limits, heights if line is None else np.append(heights, line))

    def draw(canvas: Canvas) -> None:
        axes = plain_axes(canvas.subplots(), "", f"{value_label} (axis begins at {low:.3g})")
        axes.set(ylim=(low, high), xlim=(-0.6, len(groups) - 0.4))
        axes.grid(False, axis="x")
        at, width = np.arange(len(groups)), 0.7 if amounts is None else 0.4
        values_at = at if amounts is None else at - width / 2
        axes.bar(values_at, heights - low, width, bottom=low, color=DARK, label=value_label)
        for group in np.flatnonzero(np.isnan(heights)):
            axes.text(
                values_at[group], low, "n/a", ha="center", va="bottom", fontsize=7, color=GREY
            )
        if amounts is not None:
            _count_bars(axes, at + width / 2, amounts, width, f"number of {count_label}")
        if line is not None:
            label = literal(line_label) or f"{line:.3g}"
            axes.axhline(line, color=PALETTE[1], linewidth=1.8, label=label)
        _group_names(axes, groups)
        legend_above(canvas, [axes])

    width = max(6.0, 1.6 + 0.42 * len(groups))
    return Figure(name, caption, draw, (min(width, 40.0), 4.4), source)


def _limits(limits: tuple[float, float], values: np.ndarray) -> tuple[float, float]:
    """Widens `limits` by whole tenths of their distance until every value lies inside."""
    low, high = limits
    step = (high - low) / 10
    seen = values[~np.isnan(values)]
    below, above = low - seen.min(initial=low), seen.max(initial=high) - high
    if below > 0:
        low -= step * (np.floor(below / step + 1e-9) + 1)  # one more, so that its bar is seen
    return float(low), float(high + step * np.ceil(above / step - 1e-9))


def _group_names(axes: Axes, groups: Sequence[str]) -> None:
    names = [literal(group) for group in groups]
    if max(map(len, names)) * len(names) > 60:
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticks(range(len(names)), names)


def _count_bars(axes: Axes, at: np.ndarray, counts: np.ndarray, width: float, label: str) -> None:
    """Draws counts to the value axis's scale, so that grid and line keep their depth."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    low, high = axes.get_ylim()
    most = max(1.0, 1.05 * float(counts.max()))
    axes.bar(at, counts * (high - low) / most, width, bottom=low, color=LIGHT, label=label)
    right = plain_axes(axes.twinx(), "", label)
    right.grid(False)
    right.spines[["left", "bottom"]].set_visible(False)
    right.set_ylim(0, most)
    right.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    right.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


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
    """ROC curves of systems on the same examples, with AUC and DeLong's 95 % interval.

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

        axes = plain_axes(canvas.subplots(), "false positive rate", "true positive rate")
        for (system, pair), colour in zip(checked.items(), PALETTE, strict=False):
            auc = found[system]
            label = f"{literal(system)}: AUC {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]"
            false_positives, true_positives, _ = roc_curve(*pair)
            axes.plot(false_positives, true_positives, color=colour, linewidth=1.8, label=label)
        axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, label="chance: AUC 0.5")
        axes.set(xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
        legend_above(canvas, [axes])

    return Figure(name, caption, draw, (5.0, 5.4 + 0.2 * len(checked)), source)


def _one_a_group(what: str, numbers: ArrayLike, groups: Sequence[str]) -> np.ndarray:
    numbers = np.asarray(numbers, np.float64)
    if numbers.shape != (len(groups),) or not len(groups):
        raise DataError(
            f"{what} have shape {numbers.shape} for {len(groups)} groups; expected one a group"
        )
    return numbers
