"""A figure of a report: drawn when it is saved, with Matplotlib's objects and no global state."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kavc.errors import DataError
from kavc.evaluation.heading import MARGIN, footing, heading, height, write
from kavc.evaluation.plain import check_name
from kavc.files import whole_file
from kavc.inputs.opening import read_bytes
from kavc.texts import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas
    from matplotlib.figure import FigureBase

DPI = 150
MAX_INCHES = 40.0
LIGHT_BYTES = 190_000  # up to which a picture is kept as it was drawn
FEWER_COLOURS = (128, 64)  # of which the eye sees nothing, and then a step in a colour bar
MAX_BYTES = 64 * 2**20  # of a picture that was saved before


@dataclass(frozen=True)
class Figure:
    """A picture that is drawn when it is saved.

    Args:
        name: also its file name: lower-case letters, digits, `-` and `_`.
        caption: what is seen, and what must be known to read it, such as how many examples, and
            what whiskers are. Its first sentence is the title of the picture, the others stand
            below that: pictures travel without their report.
        draw: takes an empty `matplotlib.figure.Figure`, or a part of one, and draws on it.
        size: width and height in inches of what is drawn, at 150 dots an inch; caption and source
            are added to its height.
        source: where the data come from, such as "synthetic KWAI-like corpus, world seed 0";
            printed at the foot of the picture.

    Raises:
        DataError: the name is unsafe, or a side is not in (0, 40] inches.

    Example:
        >>> Figure("losses", "Three epochs.", lambda canvas: canvas.subplots().plot([3, 2, 1]))
        Figure('losses', ... inches, 'Three epochs.')
        >>> Figure("my losses", "Three epochs.", lambda canvas: None)
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: figure name 'my losses', expected up to 80 of a-z, 0-9, ...
    """

    name: str
    caption: str
    draw: Callable[[FigureBase], None] = field(repr=False)
    size: tuple[float, float] = (7.0, 4.0)
    source: str = ""

    def __post_init__(self) -> None:
        check_name("figure", self.name)
        if not all(0 < side <= MAX_INCHES for side in self.size):
            raise DataError(f"figure {self.name!r} is {self.size} inches, expected up to 40 a side")

    def __repr__(self) -> str:
        width, height = self.size
        size = f"{width:g} x {height:g} inches"
        return f"Figure({self.name!r}, {size}, {one_line(self.caption, 60)!r})"

    def save(self, folder: str | Path) -> Path:
        """Draws the figure and writes `folder/NAME.png`, whole; returns its path."""
        path = Path(folder) / f"{self.name}.png"
        with whole_file(path) as temporary:
            temporary.write_bytes(self._repr_png_())
        return path

    def drawn(self) -> Canvas:
        """Returns the whole picture, with caption and source, before it is laid out."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas

        width, tall = self.size
        above, below = heading(self.caption, width), footing(self.source, width)
        whole = height(above) + tall + height(below)
        canvas = Canvas(figsize=(width, whole), dpi=DPI, layout="constrained", facecolor="white")
        FigureCanvasAgg(canvas)
        write(canvas, above, whole - MARGIN)
        write(canvas, below, height(below) - MARGIN / 2, right=True)
        ratios = [part for part in (height(above), tall, height(below)) if part]
        parts = canvas.subfigures(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
        self.draw(parts[1 if above else 0])
        return canvas

    def _repr_png_(self) -> bytes:  # what a notebook shows
        stream = io.BytesIO()
        # Without the writer's version, so that equal figures are equal files.
        self.drawn().savefig(
            stream, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True}
        )
        return _light(stream.getvalue())


def _light(png: bytes) -> bytes:
    """Returns a picture with fewer colours where it is large, as one of many crossing lines is."""
    from PIL import Image

    whole = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in FEWER_COLOURS:
        if len(png) <= LIGHT_BYTES:
            break
        few = whole.quantize(colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        palette, white = few.getpalette() or [], few.tobytes()[0]
        palette[3 * white : 3 * white + 3] = [255] * 3  # it was mixed with what is almost white
        few.putpalette(palette)
        stream = io.BytesIO()
        few.save(stream, "png", optimize=True)
        png = stream.getvalue()
    return png


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

    def __repr__(self) -> str:
        return f"StoredFigure({self.name!r}, {str(self.path)!r}, {one_line(self.caption, 60)!r})"

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
