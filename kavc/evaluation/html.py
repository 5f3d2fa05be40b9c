"""Tables and reports as HTML, for a notebook: self-contained, and legible on light and on dark.

Colours of text are those of the page; lines are half transparent, and pictures stand on white.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable, Sequence

from kavc.errors import KavcError
from kavc.texts import printable

MOST_ROWS = 200  # of a table that are shown
LINE = "border:none;border-bottom:1px solid rgba(128,128,128,.35)"
CELL = f"{LINE};padding:.25em .7em;background:none;color:inherit;vertical-align:top"
SMALL = "font-size:85%;opacity:.8"
STRONG = "font-weight:600;margin:.8em 0 .2em"
TITLE = "font-weight:600;font-size:125%;margin:.2em 0"


def escape(text: str) -> str:
    """Returns `text` so that a page shows it as it is; what is unprintable as Python's escapes.

    >>> escape("<b>a & b</b>")
    '&lt;b&gt;a &amp; b&lt;/b&gt;'
    """
    return html.escape(printable(" ".join(text.split())))


def grid(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool] = ()) -> str:
    """Returns a table of texts.

    Args:
        header: what stands above each column; empty for none.
        rows: of as many texts as there are columns.
        right: for each column whether it stands to the right, as numbers do; none, if empty.

    Example:
        >>> grid(["AUC"], [["78.7"]], [True]).count("text-align:right")
        2
    """
    lines = [f"<thead><tr>{_cells('th', header, right)}</tr></thead>"] if header else []
    lines += [f"<tr>{_cells('td', row, right)}</tr>" for row in rows]
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;border:none;'
        f'margin:.3em 0">{"".join(lines)}</table></div>'
    )


def table(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[bool],
    source: str,
) -> str:
    """Returns a table of a report: its caption, the first rows, and where they come from.

    Args:
        caption, source: sentences above and below; empty for none.
        header, rows, right: as of `grid`.
    """
    more = len(rows) - MOST_ROWS
    parts = [
        paragraph(caption, STRONG),
        grid(header, rows[:MOST_ROWS], right),
        paragraph(f"and {more:,} more rows" if more > 0 else "", SMALL),
        paragraph(f"Source: {source}" if source else "", SMALL),
    ]
    return f"<div>{''.join(parts)}</div>"


def picture(png: Callable[[], bytes], caption: str, source: str) -> str:
    """Returns a figure with its picture in it; without one it says why, since no repr may raise.

    Args:
        png: draws it, or reads it.
        caption, source: sentences below; the latter empty for none.
    """
    try:
        data = base64.b64encode(png()).decode()
        shown = (
            f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}" '
            'style="max-width:min(100%,48em);background:white">'
        )
    except (KavcError, OSError) as error:
        shown = f"<p>(no picture: {escape(str(error))})</p>"
    below = f"{escape(caption)} <i>Source: {escape(source)}</i>" if source else escape(caption)
    return (
        f'<figure style="margin:1em 0">{shown}'
        f'<figcaption style="{SMALL}">{below}</figcaption></figure>'
    )


def folded(heading: str, content: str) -> str:
    """Returns content that can be folded under a heading; at first it is open."""
    return f'<details open style="{SMALL}"><summary>{escape(heading)}</summary>{content}</details>'


def bullets(heading: str, sentences: Iterable[str]) -> str:
    """Returns a list under a heading; empty where there is no sentence.

    >>> "<li>2 pairs &lt; 3</li>" in bullets("Notes", ["2 pairs < 3"]), bullets("Notes", [])
    (True, '')
    """
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"{paragraph(heading, STRONG)}<ul>{items}</ul>" if items else ""


def paragraph(text: str, style: str = "") -> str:
    """Returns a paragraph; empty for no text."""
    return f'<p style="{style}">{escape(text)}</p>' if text else ""


def _cells(tag: str, texts: Sequence[str], right: Sequence[bool]) -> str:
    sides = [("left", "right")[each] for each in right or [False] * len(texts)]
    return "".join(
        f'<{tag} style="{CELL};text-align:{side}">{escape(text)}</{tag}>'
        for text, side in zip(texts, sides, strict=True)
    )
