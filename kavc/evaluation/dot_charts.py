"""Numbers with their intervals as dots on a line each, where bars from 0 would hide differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.evaluation.figure import Figure
from kavc.evaluation.style import DARK, GREY, SMALL, legend_above, literal, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

MARGIN = 0.06  # of the range, on either side


def dots(
    name: str,
    groups: Sequence[str],
    values: ArrayLike,
    intervals: ArrayLike | None = None,
    *,
    value_label: str,
    chance: float | None = None,
    caption: str = "",
    source: str = "",
) -> Figure:
    """A number of each group as a dot with its interval, the first group on top.

    The axis holds what there is to see, and chance, and need not begin at 0.

    Args:
        name: file name of the figure.
        groups: names, written in full beside the dots.
        values: `(groups,)`; NaN says "n/a".
        intervals: `(groups, 2)`, lower and upper ends, drawn as whiskers; NaN leaves them out.
        value_label: name of the value axis, with its unit.
        chance: what a guess gives, a dashed line.
        caption, source: see `Figure`.

    Raises:
        DataError: `values` or `intervals` have not one entry a group, or there is no number.

    Example:
        >>> dots("ndcg", ["one", "other"], [60.0, np.nan], value_label="nDCG (%)", chance=50)
        Figure('ndcg', ... inches, '')
    """
    count = len(groups)
    numbers = np.asarray(values, np.float64)
    ends = np.full((count, 2), np.nan) if intervals is None else np.asarray(intervals, np.float64)
    if numbers.shape != (count,) or ends.shape != (count, 2) or np.isnan(numbers).all():
        raise DataError(
            f"values {numbers.shape} and intervals {ends.shape} for {count} groups; expected one a "
            "group, and a number at least"
        )
    ends = np.where(np.isnan(numbers)[:, None], np.nan, ends)
    shown = np.concatenate([numbers, ends.ravel(), [np.nan if chance is None else chance]])
    low, high = np.nanmin(shown), np.nanmax(shown)
    room = MARGIN * (high - low or 1.0)

    def draw(canvas: FigureBase) -> None:
        axes = plain_axes(canvas.subplots(), value_label, "")
        axes.set(xlim=(low - room, high + room), ylim=(count - 0.4, -0.6))
        axes.grid(False, axis="y")
        at = np.arange(count)
        axes.hlines(at, *ends.T, color=DARK, linewidth=1.4)
        axes.plot(numbers, at, "o", color=DARK, markersize=5, zorder=4)
        for group in np.flatnonzero(np.isnan(numbers)):
            axes.text(low, group, "n/a", ha="left", va="center", fontsize=SMALL, color=GREY)
        axes.set_yticks(at, [literal(group) for group in groups])
        if chance is not None:
            unit = " %" if value_label.endswith("(%)") else ""
            label = f"chance: {chance:.4g}{unit}"
            axes.axvline(chance, color=GREY, linestyle="--", linewidth=1, label=label)
            legend_above(canvas, [axes])

    height = min(1.6 + 0.3 * count, 40.0)
    width = min(4.6 + 0.075 * max(map(len, groups)), 40.0)
    return Figure(name, caption, draw, (width, height), source)
