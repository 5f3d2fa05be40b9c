"""What an art editor would send back: a picture's faults, found without looking at it."""

from __future__ import annotations

import itertools
from unittest import mock

from matplotlib.text import Text

SMALLEST = 8  # points
HEAVIEST = 200_000  # bytes
TOUCH = 1.0  # dots by which boxes of texts may overlap: theirs are a little larger than letters


def faults(figure, *, weighed: bool = False) -> list[str]:
    """Returns what is wrong with a figure, in words; none where it is legible.

    Texts must lie inside the picture, overlap no other text and not be too small to read; the
    picture must say what it shows and, where it is weighed, which takes as long again, be light.
    """
    canvas = figure.drawn()
    canvas.draw_without_rendering()  # laid out: what is drawn from now on stays where it is
    texts = drawn_texts(canvas)
    renderer = canvas.canvas.get_renderer()
    boxes = [(said(text), text.get_window_extent(renderer)) for text in texts]
    width, height = canvas.bbox.width, canvas.bbox.height
    found = [
        f"{name!r} leaves the picture"
        for name, box in boxes
        if box.x0 < -TOUCH or box.y0 < -TOUCH or box.x1 > width + TOUCH or box.y1 > height + TOUCH
    ]
    found += [
        f"{one!r} and {other!r} overlap"
        for (one, box), (other, around) in itertools.combinations(boxes, 2)
        if overlap(box, around)
    ]
    found += [
        f"{said(text)!r} has {text.get_fontsize():.1f} points"
        for text in texts
        if text.get_fontsize() < SMALLEST
    ]
    if weighed and (size := len(figure._repr_png_())) > HEAVIEST:
        found.append(f"{size:,} bytes")
    if not figure.caption.strip():
        found.append("it has no title")
    return found


def drawn_texts(canvas) -> list[Text]:
    """Returns the texts that a drawing of a canvas writes, ticks that are shown among them."""
    texts: dict[Text, None] = {}
    draw = Text.draw

    def noted(text, renderer, *args, **kwargs):
        if text.get_visible() and text.get_text().strip():
            texts[text] = None
        return draw(text, renderer, *args, **kwargs)

    with mock.patch.object(Text, "draw", noted):
        canvas.canvas.draw()
    return list(texts)


def said(text: Text) -> str:
    """Returns the first letters of a text."""
    return text.get_text()[:40]


def overlap(one, other) -> bool:
    """Whether two boxes share more than a line of dots."""
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    tall = min(one.y1, other.y1) - max(one.y0, other.y0)
    return wide > TOUCH and tall > TOUCH
