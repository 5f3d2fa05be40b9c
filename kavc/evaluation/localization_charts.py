"""Figures of cross-modal localisation: where a query is found, and how two modalities are coded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.evaluation.figure import Figure
from kavc.evaluation.style import GREY, LIGHT, PALETTE, legend_above, literal, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase


ABREAST = 2  # panels side by side; more begin a new row
LONGEST = 30  # letters of a panel's title; what is longer ends in "..."


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

    Example:
        >>> searches("found", [Search("dog barks", [0.9, 0.1, np.inf], start=1, length=1)])
        Figure('found', ... inches, '')
    """
    if not shown:
        raise DataError(f"figure {name!r}: expected a query")

    def draw(canvas: FigureBase) -> None:
        panels = canvas.subplots(1, len(shown), squeeze=False)[0]
        for axes, one in zip(panels, shown, strict=True):
            _search(axes, one)
        legend_above(canvas, list(panels))

    return Figure(name, caption, draw, (min(max(3.7 * len(shown), 5.0), 40.0), 3.4), source)


def _search(axes: Axes, one: Search) -> None:
    costs = np.asarray(one.costs, np.float64)
    title = one.title if len(one.title) <= LONGEST else f"{one.title[: LONGEST - 3]}..."
    plain_axes(axes, "window begins at (s)", "distance (no unit)", literal(title))
    windows = np.flatnonzero(np.isfinite(costs))
    found = int(windows[costs[windows].argmin()])
    axes.axvspan(
        one.start - 0.35, one.start + 0.35, color=LIGHT, linewidth=0, zorder=0, label="true place"
    )
    axes.plot(windows, costs[windows], "o-", color=GREY, markersize=4, label="each window")
    axes.plot(
        found, costs[found], "D", color=PALETTE[0], markersize=8, label="found: the least distance"
    )
    axes.set_xticks(range(len(costs)))
    axes.set_xlim(-0.6, len(costs) - 0.4)
    axes.margins(y=0.12)
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

    Example:
        >>> two_clouds("codes", {"MS-VAE": (np.zeros((5, 2)), np.ones((5, 2)))})
        Figure('codes', ... inches, '')
    """
    points = {title: [np.asarray(x, np.float64) for x in pair] for title, pair in panels.items()}
    for title, pair in points.items():
        if not all(x.ndim == 2 and x.shape[1] == 2 for x in pair):
            raise DataError(f"figure {name!r}: points of {title!r} must be (n, 2)")
    if not points:
        raise DataError(f"figure {name!r}: expected a panel")

    columns, rows = min(ABREAST, len(points)), -(-len(points) // ABREAST)

    def draw(canvas: FigureBase) -> None:
        grid = canvas.add_gridspec(rows, columns)
        panels = [
            canvas.add_subplot(grid[at // ABREAST, at % ABREAST]) for at in range(len(points))
        ]
        for axes, (title, pair) in zip(panels, points.items(), strict=True):
            _clouds(axes, title, pair)
        legend_above(canvas, panels)

    return Figure(name, caption, draw, (4.0 * columns, min(0.6 + 3.9 * rows, 40.0)), source)


def _clouds(axes: Axes, title: str, pair: Sequence[np.ndarray]) -> None:
    """Sounds filled and pictures hollow, so that either can be told without colours."""
    plain_axes(axes, "", "", literal(title))
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(LIGHT)
    sound, picture = pair
    axes.plot(*sound.T, "o", color=PALETTE[0], markersize=3, markeredgewidth=0, label="audio")
    axes.plot(
        *picture.T, "^", color=PALETTE[1], markersize=3.6, markerfacecolor="none",
        markeredgewidth=0.7, label="visual",
    )  # fmt: skip
