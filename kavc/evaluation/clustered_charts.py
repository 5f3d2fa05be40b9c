"""Heat maps whose rows and columns are put in the order of a clustering, with its trees beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import DataError
from kavc.evaluation.figure import Figure
from kavc.evaluation.style import DARK, GREY, LIGHT, PALETTE, literal
from kavc.metrics.clustering import Clustering

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import FigureBase

LEGIBLE = 0.13  # inches that a line of the labels' letters takes
LETTERS = 8.0  # points
LETTER = 0.066  # inches, of such letters on average
LONGEST = 28  # letters of a label; what is longer ends in "..."
TREE = 0.9  # inches
MAP = (3.0, 13.0)  # inches of a side of the map, least and most
MOST = 2000  # rows, and columns: what a clustering takes


def clustered_heatmap(
    name: str,
    values: ArrayLike,
    row_labels: Sequence[str] | None,
    column_labels: Sequence[str] | None,
    *,
    rows: Clustering | None = None,
    columns: Clustering | None = None,
    row_name: str = "",
    column_name: str = "",
    value_label: str = "mean rating (1 to 7)",
    limits: tuple[float, float] | None = None,
    middle: float | None = None,
    caption: str = "",
    source: str = "",
) -> Figure:
    """A heat map in the order of clusterings, which are drawn as trees at its left and above it.

    Figures 2 and 3 of Langlois, 2019. Where a map has more rows than can be read, every second or
    third is labelled, and so on; the order of all is that of `Clustering.order`.

    Args:
        name: file name of the figure.
        values: `(rows, columns)`; NaN is grey.
        row_labels, column_labels: in the order of `values`; None for none.
        rows, columns: their clusterings, over as many profiles; None leaves the order as it is.
        row_name, column_name: what they are, such as "videos".
        value_label: name of the colours, with its unit.
        limits: values at the ends of the colours; those of the data by default.
        middle: value that is white between blue (less) and red (more), with as far to either end.
            None for colours from dark to light.
        caption, source: see `Figure`.

    Raises:
        DataError: labels or a clustering are of another number than rows or columns, or there is no
            value, or more than 2,000 rows or columns.

    Example:
        >>> clustered_heatmap("ratings", np.eye(3), ["a", "b", "c"], None, row_name="videos")
        Figure('ratings', ... inches, '')
    """
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or not np.isfinite(table).any() or max(table.shape) > MOST:
        raise DataError(
            f"figure {name!r}: values {table.shape}; expected (rows, columns), some of them finite,"
            f" {MOST:,} of each at most"
        )
    sides = (("row", row_labels, rows), ("column", column_labels, columns))
    for (side, labels, tree), count in zip(sides, table.shape, strict=True):
        _check_side(name, side, labels, tree, count)
    row_order, column_order = (
        np.arange(count) if tree is None else tree.order
        for tree, count in zip((rows, columns), table.shape, strict=True)
    )
    shown = table[np.ix_(row_order, column_order)]
    height, width = (_side(count) for count in table.shape)
    if table.shape[0] == table.shape[1]:
        height = width = max(height, width)

    def draw(canvas: FigureBase) -> None:
        axes, left, above = _places(canvas, width, height, rows is not None, columns is not None)
        low, high = _limits(table, limits, middle)
        image = axes.imshow(
            shown, aspect="auto", interpolation="nearest", vmin=low, vmax=high,
            cmap=_colours(middle is not None),
        )  # fmt: skip
        _plain(axes, row_name, column_name)
        _label(axes, "y", row_labels, row_order, height)
        _label(axes, "x", column_labels, column_order, width)
        if rows is not None and left is not None:
            _tree(left, rows, upright=False)
        if columns is not None and above is not None:
            _tree(above, columns, upright=True)
        bar = canvas.colorbar(
            image, ax=axes, location="right", shrink=min(1.0, 3.0 / height), anchor=(0.0, 1.0),
            aspect=18, pad=0.02,
        )  # fmt: skip
        bar.set_label(literal(value_label), fontsize=9, color=DARK)
        bar.ax.tick_params(labelsize=8, length=3, color=LIGHT, labelcolor=DARK)
        bar.outline.set_visible(False)

    size = (
        width + 1.3 + TREE * (rows is not None) + _room(row_labels),
        height + 0.7 + TREE * (columns is not None) + _room(column_labels),
    )
    return Figure(name, caption, draw, size, source)


def _check_side(
    name: str, side: str, labels: Sequence[str] | None, tree: Clustering | None, count: int
) -> None:
    if labels is not None and len(labels) != count:
        raise DataError(f"figure {name!r}: {len(labels)} {side} labels, expected {count}")
    if tree is not None and len(tree.order) != count:
        raise DataError(
            f"figure {name!r}: a clustering of {len(tree.order)} {side}s, expected {count}"
        )


def _side(count: int) -> float:
    """Inches of a side of the map: large cells for few, and legible labels while they fit."""
    return float(np.clip(count * (0.27 if count <= 40 else LEGIBLE), *MAP))


def _room(labels: Sequence[str] | None) -> float:
    """Inches that labels take off the map's side."""
    longest = max(map(len, labels), default=0) if labels is not None else 0
    return LETTER * min(longest, LONGEST) + 0.25


def _places(
    canvas: FigureBase, width: float, height: float, left: bool, above: bool
) -> tuple[Axes, Axes | None, Axes | None]:
    """Axes of the map, of the tree at its left and of the tree above it."""
    engine = canvas.get_layout_engine()
    if engine is not None:
        engine.set(w_pad=0.04, h_pad=0.04, wspace=0.0, hspace=0.0)
    grid = canvas.add_gridspec(
        1 + above, 1 + left,
        width_ratios=[TREE, width][not left :], height_ratios=[TREE, height][not above :],
    )  # fmt: skip
    axes = canvas.add_subplot(grid[-1, -1])
    return (
        axes,
        canvas.add_subplot(grid[-1, 0]) if left else None,
        canvas.add_subplot(grid[0, -1]) if above else None,
    )


def _limits(
    table: np.ndarray, limits: tuple[float, float] | None, middle: float | None
) -> tuple[float, float]:
    low, high = limits or (float(np.nanmin(table)), float(np.nanmax(table)))
    if middle is not None:
        reach = max(middle - low, high - middle)
        low, high = middle - reach, middle + reach
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _colours(diverging: bool) -> Colormap:
    """Colours that the colour-blind tell apart, grey where there is no value."""
    import matplotlib as mpl
    from matplotlib.colors import LinearSegmentedColormap

    if diverging:
        ends = [PALETTE[0], "#F7F7F7", PALETTE[1]]
        return LinearSegmentedColormap.from_list("blue-red", ends).with_extremes(bad=LIGHT)
    return mpl.colormaps["viridis"].with_extremes(bad=LIGHT)


def _plain(axes: Axes, row_name: str, column_name: str) -> None:
    axes.spines[:].set_visible(False)
    axes.tick_params(labelsize=LETTERS, length=0, pad=2, labelcolor=DARK)
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.set_ylabel(literal(row_name), fontsize=9, color=DARK)
    axes.set_xlabel(literal(column_name), fontsize=9, color=DARK)


def _label(
    axes: Axes, side: str, labels: Sequence[str] | None, order: np.ndarray, inches: float
) -> None:
    if labels is None:
        axes.set(**{f"{side}ticks": []})
        return
    step = max(1, int(np.ceil(LEGIBLE * len(order) / inches - 1e-9)))
    at = np.arange(0, len(order), step)
    texts = [literal(_short(str(labels[order[place]]))) for place in at]
    if side == "y":
        axes.set_yticks(at, texts)
    else:
        axes.set_xticks(at, texts, rotation=90)


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 3]}..."


def _tree(axes: Axes, tree: Clustering, *, upright: bool) -> None:
    from matplotlib.collections import LineCollection

    lines = branches(tree)
    reach = float(tree.linkage[:, 2].max()) * 1.03 if len(tree.linkage) else 1.0
    across, along = (-0.5, len(tree.order) - 0.5), (0.0, reach or 1.0)
    segments = list(lines if upright else lines[..., ::-1])
    look = {"colors": GREY, "linewidths": 0.7, "clip_on": False}
    axes.add_collection(LineCollection(segments, **look))
    if upright:
        axes.set(xlim=across, ylim=along)
    else:  # as the map, whose first row is above; leaves at the right
        axes.set(xlim=along[::-1], ylim=across[::-1])
    axes.set_axis_off()


def branches(tree: Clustering) -> np.ndarray:
    """Returns the lines of a tree over the places of its leaves.

    Args:
        tree: of n profiles.

    Returns:
        `(n - 1, 4, 2) float64`: each joint's four corners, place and distance; leaves are at 0 and
        1 and so on, in the clustering's order.

    Example:
        >>> from kavc.metrics.clustering import cluster
        >>> branches(cluster([[1, 2, 3], [3, 2, 1], [1, 2, 4]])).round(2)[0].tolist()
        [[1.0, 0.0], [1.0, 0.02], [2.0, 0.02], [2.0, 0.0]]
    """
    leaves = len(tree.order)
    place, height = np.zeros(2 * leaves - 1), np.zeros(2 * leaves - 1)
    place[tree.order] = np.arange(leaves)
    lines = np.empty((leaves - 1, 4, 2))
    for joint, (one, other, distance, _) in enumerate(tree.linkage):
        a, b, node = int(one), int(other), leaves + joint
        lines[joint] = (
            (place[a], height[a]), (place[a], distance), (place[b], distance), (place[b], height[b])
        )  # fmt: skip
        place[node], height[node] = (place[a] + place[b]) / 2, distance
    return lines
