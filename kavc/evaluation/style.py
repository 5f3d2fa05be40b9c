"""How every figure looks: colours that the colour-blind tell apart, light grid, no clutter.

What is told by colour is told by a mark or a dash too, for those who print in grey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

# Okabe & Ito, 2008, without yellow, which is faint on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# One for each colour of the palette; all are filled, so that small ones are seen.
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.5, 1.2)),
    "-.",
    (0, (8, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)
DARK = "#37474F"
LIGHT = "#C3CDD3"
GREY = "#5F6B73"
GRID = "#E3E8EB"

# Points. Nothing is smaller than the last one, which can still be read in print.
TITLE, PANEL, LABEL, TICK, SMALL = 11, 10.5, 10, 9, 8

# Inches that an entry's handle with its margins and a letter of 9 points take in a legend.
LEGEND_HANDLE = 0.6
LEGEND_LETTER = 0.068


def plain_axes(axes: Axes, x_label: str, y_label: str, title: str = "") -> Axes:
    """Gives axes the house look; returns them.

    Args:
        axes: to be styled, before or after drawing.
        x_label, y_label: what is shown, with its unit.
        title: of this panel; empty for none. What the figure shows, its caption says.
    """
    axes.set_xlabel(x_label, fontsize=LABEL, color=DARK)
    axes.set_ylabel(y_label, fontsize=LABEL, color=DARK)
    if title:
        axes.set_title(title, fontsize=PANEL, color=DARK, loc="left")
    axes.tick_params(labelsize=TICK, length=3, color=LIGHT, labelcolor=DARK)
    axes.tick_params(which="minor", length=2, color=LIGHT)
    axes.grid(True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LIGHT)
    return axes


def literal(text: str) -> str:
    """Returns `text` so that Matplotlib draws a dollar sign in it and not mathematics.

    >>> len(literal("$5")), literal("5 %")
    (3, '5 %')
    """
    return text.replace("$", r"\$")


def legend_above(figure: FigureBase, axes: list[Axes]) -> None:
    """Puts one legend for all `axes` above them, where it can hide no data."""
    found = [axis.get_legend_handles_labels() for axis in axes]
    # Equal labels on several axes are one entry.
    entries = {
        label: handle
        for handles, labels in found
        for handle, label in zip(handles, labels, strict=True)
    }
    if not entries:
        return
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside upper left",
        ncols=_legend_columns(list(entries), inches_of(figure)),
        fontsize=TICK,
        frameon=False,
        labelcolor=DARK,
    )


def inches_of(figure: FigureBase) -> float:
    """Returns the width of a figure, or of a part of one."""
    return float(figure.bbox.width / figure.dpi)


def _legend_columns(labels: list[str], inches: float) -> int:
    """The most columns whose entries fit side by side."""
    for columns in range(len(labels), 1, -1):
        longest = [max(map(len, part)) for part in np.array_split(labels, columns)]
        if sum(LEGEND_HANDLE + LEGEND_LETTER * letters for letters in longest) <= inches:
            return columns
    return 1
