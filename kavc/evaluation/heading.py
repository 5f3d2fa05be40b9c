"""What stands above and below a picture, in it, since pictures travel without their report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kavc.evaluation.style import DARK, GREY, LABEL, SMALL, TITLE, literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MARGIN = 0.1  # inches from the edges
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(frozen=True)
class Line:
    """A line of text of one size.

    Args:
        text: what it says.
        points: size of its letters.
        colour: of its letters.
    """

    text: str
    points: float
    colour: str

    @property
    def inches(self) -> float:
        """Its height, with the space to the next one."""
        return self.points * 1.4 / 72


def heading(caption: str, inches: float) -> list[Line]:
    """Returns the lines of a caption: its first sentence as a title, the others smaller below it.

    Args:
        caption: empty for no line.
        inches: width of the picture.

    Example:
        >>> [line.text for line in heading("Two systems. Whiskers: 95 %.", 6.0)]
        ['Two systems', 'Whiskers: 95 %.']
    """
    if not caption.strip():
        return []
    title, *others = SENTENCE.split(caption.strip(), maxsplit=1)
    lines = [Line(text, TITLE, DARK) for text in _wrapped(title.rstrip("."), TITLE, inches)]
    for rest in others:
        lines += [Line(text, LABEL - 1, GREY) for text in _wrapped(rest, LABEL - 1, inches)]
    return lines


def footing(source: str, inches: float) -> list[Line]:
    """Returns the lines that say where the data come from; none for an empty `source`.

    >>> [line.text for line in footing("synthetic corpus, world seed 0", 6.0)], footing("", 6.0)
    (['Source: synthetic corpus, world seed 0'], [])
    """
    if not source.strip():
        return []
    return [Line(text, SMALL, GREY) for text in _wrapped(f"Source: {source}", SMALL, inches)]


def height(lines: list[Line]) -> float:
    """Returns the inches that lines take, with their margin; 0 for none.

    >>> height([]), height([Line("Two systems", 11, DARK)]) > 0.1
    (0.0, True)
    """
    return sum(line.inches for line in lines) + MARGIN if lines else 0.0


def write(canvas: Canvas, lines: list[Line], top: float, *, right: bool = False) -> None:
    """Writes lines onto a canvas.

    Args:
        canvas: of the whole picture.
        lines: from above to below.
        top: inches from the picture's lower edge to the upper edge of the first one.
        right: whether they end at the right edge, and not begin at the left one.
    """
    wide, high = canvas.get_size_inches()
    x = (wide - MARGIN if right else MARGIN) / wide
    for line in lines:
        look: dict[str, Any] = {"fontsize": line.points, "color": line.colour}
        text = canvas.text(
            x, top / high, literal(line.text), va="top", ha="right" if right else "left", **look
        )
        text.set_in_layout(False)
        top -= line.inches


def _wrapped(text: str, points: float, inches: float) -> list[str]:
    """Breaks text where it would be wider than the picture; a word that is, too, is cut."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font, room = FontProperties(size=points), (inches - 2 * MARGIN) * 72

    def wide(words: str) -> bool:
        return TextToPath().get_text_width_height_descent(words, font, ismath=False)[0] > room

    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if not wide(longer):
            lines[-1] = longer
            continue
        while wide(word):
            fits = next(at for at in range(len(word) - 1, 0, -1) if at == 1 or not wide(word[:at]))
            lines, word = [*lines, word[:fits]], word[fits:]
        lines.append(word)
    return [line for line in lines if line]
