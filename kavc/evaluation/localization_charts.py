"""Figures of cross-modal localisation: where a query is found, and how two modalities are coded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.evaluation.figure import Figure
from kavc.evaluation.style import DARK, GRID, LIGHT, PALETTE, legend_above, literal, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas


@dataclass(frozen=True)
class Search:
    """One query, and what each place costs.

    Args:
        title: of its panel.
        costs: `(segments,)`, of the window from each segment on; inf where there is none.
        start: segment from which the query was taken.
        length: of the query, in segments.
    """

    title: str
    costs: ArrayLike
    start: int
    length: int


def searches(name: str, shown: Sequence[Search], *, caption: str = "", source: str = "") -> Figure:
    """Costs of all windows of some queries, with the true one and the one that is found.

    Figure 2 of Zhu et al., 2021.

    Args:
        name: file name of the figure.
        shown: at least one query.
        caption, source: see `Figure`.

    Raises:
        DataError: there is no query.
    """
    if not shown:
        raise DataError(f"figure {name!r}: expected a query")

    def draw(canvas: Canvas) -> None:
        panels = canvas.subplots(1, len(shown), squeeze=False)[0]
        for axes, one in zip(panels, shown, strict=True):
            _search(axes, one)
        legend_above(canvas, list(panels))

    return Figure(name, caption, draw, (min(3.6 * len(shown) + 0.6, 40.0), 3.4), source)


def _search(axes: Axes, one: Search) -> None:
    costs = np.asarray(one.costs, np.float64)
    plain_axes(axes, "window from second", "distance", literal(one.title))
    windows = np.flatnonzero(np.isfinite(costs))
    found = int(windows[costs[windows].argmin()])
    axes.plot(windows, costs[windows], "o-", color=LIGHT, markersize=5)
    axes.axvspan(one.start - 0.35, one.start + 0.35, color=GRID, zorder=0, label="true place")
    axes.plot(found, costs[found], "o", color=PALETTE[0], markersize=8, label="found")
    axes.set_xticks(range(len(costs)))
    axes.set_xlim(-0.6, len(costs) - 0.4)
    axes.grid(False, axis="x")


def two_clouds(
    name: str,
    panels: Mapping[str, Sequence[ArrayLike]],
    *,
    caption: str = "",
    source: str = "",
) -> Figure:
    """Points of sounds and of pictures in a plane, a panel for each network.

    Figure 3 of Zhu et al., 2021.

    Args:
        name: file name of the figure.
        panels: title to the points of audio and visual segments, `(n, 2)` each.
        caption, source: see `Figure`.

    Raises:
        DataError: points are no pairs of numbers, or there is no panel.
    """
    points = {title: [np.asarray(x, np.float64) for x in pair] for title, pair in panels.items()}
    for title, pair in points.items():
        if not all(x.ndim == 2 and x.shape[1] == 2 for x in pair):
            raise DataError(f"figure {name!r}: points of {title!r} must be (n, 2)")
    if not points:
        raise DataError(f"figure {name!r}: expected a panel")

    def draw(canvas: Canvas) -> None:
        axes_of = canvas.subplots(1, len(points), squeeze=False)[0]
        for axes, (title, pair) in zip(axes_of, points.items(), strict=True):
            axes.set_title(literal(title), fontsize=10, color=DARK)
            for cloud, colour, label in zip(pair, PALETTE, ("audio", "visual"), strict=False):
                axes.plot(*cloud.T, "o", color=colour, markersize=2.5, alpha=0.6, label=label)
            axes.set_xticks([])
            axes.set_yticks([])
        legend_above(canvas, list(axes_of))

    return Figure(name, caption, draw, (min(4.2 * len(points), 40.0), 4.4), source)
