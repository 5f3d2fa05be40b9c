"""A figure of a report: drawn when it is saved, with Matplotlib's objects and no global state."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kavc.errors import DataError
from kavc.evaluation.plain import check_name
from kavc.evaluation.style import GREY, literal
from kavc.files import whole_file
from kavc.inputs.opening import read_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

DPI = 150
MAX_INCHES = 40.0
MAX_BYTES = 64 * 2**20  # of a picture that was saved before


@dataclass(frozen=True)
class Figure:
    """A picture that is drawn when it is saved.

    Args:
        name: also its file name: lower-case letters, digits, `-` and `_`.
        caption: a sentence on what is seen, shown below it in a report.
        draw: takes an empty `matplotlib.figure.Figure` and draws on it.
        size: width and height in inches, at 150 dots an inch.
        source: where the data come from, such as "synthetic KWAI-like corpus, world seed 0";
            printed in the picture itself, since pictures travel without their report.

    Raises:
        DataError: the name is unsafe, or a side is not in (0, 40] inches.
    """

    name: str
    caption: str
    draw: Callable[[Canvas], None] = field(repr=False)
    size: tuple[float, float] = (7.0, 4.0)
    source: str = ""

    def __post_init__(self) -> None:
        check_name("figure", self.name)
        if not all(0 < side <= MAX_INCHES for side in self.size):
            raise DataError(f"figure {self.name!r} is {self.size} inches, expected up to 40 a side")

    def save(self, folder: str | Path) -> Path:
        """Draws the figure and writes `folder/NAME.png`, whole; returns its path."""
        path = Path(folder) / f"{self.name}.png"
        with whole_file(path) as temporary:
            temporary.write_bytes(self._repr_png_())
        return path

    def _repr_png_(self) -> bytes:  # what a notebook shows
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas

        canvas = Canvas(figsize=self.size, dpi=DPI, layout="constrained", facecolor="white")
        FigureCanvasAgg(canvas)
        self.draw(canvas)
        if self.source:
            canvas.supxlabel(
                f"Source: {literal(self.source)}", x=0.99, ha="right", fontsize=7, color=GREY
            )
        stream = io.BytesIO()
        # Without the writer's version, so that equal figures are equal files.
        canvas.savefig(stream, format="png", metadata={"Software": None})
        return stream.getvalue()


@dataclass(frozen=True)
class StoredFigure:
    """A picture that was saved before, as a loaded report holds it.

    Args:
        name, caption, source: as in `Figure`.
        path: the PNG file.
    """

    name: str
    caption: str
    path: Path
    source: str = ""

    def __post_init__(self) -> None:
        check_name("figure", self.name)

    def save(self, folder: str | Path) -> Path:
        """Copies the picture to `folder/NAME.png`, whole; returns its path.

        Raises:
            DataError: the picture is no longer there, or is none.
        """
        path = Path(folder) / f"{self.name}.png"
        if path.exists() and self.path.exists() and path.samefile(self.path):
            return path
        try:
            content = self._repr_png_()
        except DataError as error:
            raise DataError(f"{error}; save the report that drew it again") from None
        with whole_file(path) as temporary:
            temporary.write_bytes(content)
        return path

    def _repr_png_(self) -> bytes:
        return read_bytes(self.path, most=MAX_BYTES)
