"""Boxes and arrows for the pictures of networks, in the house palette, on a white card."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from kavc.evaluation.style import DARK, GREY, LIGHT, PALETTE
from kavc.files import whole_file

Point = tuple[float, float]

SOUND, PICTURES, BOTH, TOLD = PALETTE[1], PALETTE[0], PALETTE[2], PALETTE[3]
ANSWER = DARK
TINT = 0.14  # of a box: the share of its colour, the rest is white
# Equal bytes from equal drawings: no date, and ids that are not drawn at random.
SETTINGS = {"svg.hashsalt": "kavc", "svg.fonttype": "path"}


@dataclass(frozen=True)
class Box:
    """A rectangle around (x, y), in inches, and the points where arrows meet it."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> Point:
        return self.x - self.width / 2, self.y

    @property
    def right(self) -> Point:
        return self.x + self.width / 2, self.y

    @property
    def top(self) -> Point:
        return self.x, self.y - self.height / 2

    @property
    def bottom(self) -> Point:
        return self.x, self.y + self.height / 2

    def left_at(self, y: float) -> Point:
        return self.x - self.width / 2, y


class Canvas:
    """A white card with rounded corners, so that a picture reads on light and on dark pages.

    Args:
        width, height: in inches; y grows downwards.
    """

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width, height), facecolor="none")
        self.axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        self.axes.set_axis_off()
        self._rectangle(0.02, 0.02, width - 0.04, height - 0.04, "white", LIGHT, 0.12)

    def box(
        self, x: float, y: float, text: str, colour: str, *,
        width: float = 1.1, height: float = 0.52, size: float = 9.5,
    ) -> Box:  # fmt: skip
        """Draws a box around (x, y), with `text` in it."""
        fill = tuple(1 - TINT * (1 - part) for part in to_rgb(colour))
        self._rectangle(x - width / 2, y - height / 2, width, height, fill, colour, 0.06)
        self.text(x, y, text, size=size, colour=DARK)
        return Box(x, y, width, height)

    def frame(self, x: float, y: float, width: float, height: float, text: str) -> None:
        """Draws a dashed frame with (x, y) as its upper left corner, and its name inside it."""
        self._rectangle(x, y, width, height, "none", LIGHT, 0.08, linestyle=(0, (5, 3)))
        self.text(x + 0.1, y + 0.16, text, size=9, colour=GREY, align="left")

    def text(
        self, x: float, y: float, text: str, *,
        size: float = 9, colour: str = GREY, align: str = "center", weight: str = "normal",
    ) -> None:  # fmt: skip
        """Writes `text` around (x, y)."""
        self.axes.text(x, y, text, size=size, color=colour, ha=align, va="center",
                       weight=weight, linespacing=1.25, zorder=4)  # fmt: skip

    def link(
        self, start: Point, end: Point, *,
        at: float | None = None, dashed: bool = False, head: bool = True,
    ) -> None:  # fmt: skip
        """Draws an arrow from `start` to `end`, sideways, then up or down at x = `at`, sideways."""
        (x, y), (to_x, to_y) = start, end
        middle = (x + to_x) / 2 if at is None else at
        corners = [start, end] if y == to_y else [start, (middle, y), (middle, to_y), end]
        self.line(corners, dashed=dashed, head=head)

    def chain(self, *boxes: Box) -> None:
        """Draws an arrow from each box to the next one, which stands at the same height."""
        for start, end in pairwise(boxes):
            self.link(start.right, end.left)

    def line(self, corners: list[Point], *, dashed: bool = False, head: bool = True) -> None:
        """Draws a line through `corners`, with a head at its end."""
        style = (0, (4, 2.5)) if dashed else "solid"
        xs, ys = zip(*corners, strict=True)
        self.axes.plot(xs, ys, color=GREY, linewidth=1.2, linestyle=style, zorder=1,
                       solid_joinstyle="round")  # fmt: skip
        if head:
            self._head(corners[-1], corners[-2])

    def dot(self, point: Point) -> None:
        """Marks a point where a line parts."""
        self.axes.plot(*point, marker="o", markersize=3.5, color=GREY, zorder=2)

    def _head(self, tip: Point, origin: Point) -> None:
        """Draws an arrow's head, of so short a line that a dashed one stays dashed."""
        (x, y), (from_x, from_y) = tip, origin
        share = 0.08 / max(abs(x - from_x), abs(y - from_y))
        tail = x + (from_x - x) * share, y + (from_y - y) * share
        options = {"arrowstyle": "-|>,head_width=0.22,head_length=0.4", "color": GREY,
                   "shrinkA": 0, "shrinkB": 0, "linewidth": 1.2}  # fmt: skip
        self.axes.annotate("", tip, tail, arrowprops=options, zorder=1)

    def save(self, path: Path) -> None:
        """Writes the picture as SVG, whole."""
        with matplotlib.rc_context(SETTINGS), whole_file(path) as temporary:
            FigureCanvasSVG(self.figure).print_svg(
                str(temporary), metadata={"Date": None, "Creator": None}
            )

    def _rectangle(
        self, x: float, y: float, width: float, height: float,
        fill: Any, edge: str, corner: float, **options: Any,
    ) -> None:  # fmt: skip
        shape = FancyBboxPatch(
            (x + corner, y + corner), width - 2 * corner, height - 2 * corner,
            boxstyle=f"round,pad={corner}", facecolor=fill, edgecolor=edge, linewidth=1.2,
            zorder=0 if fill in ("white", "none") else 3, **options,
        )  # fmt: skip
        self.axes.add_patch(shape)
