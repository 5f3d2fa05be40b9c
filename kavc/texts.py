"""Text from outside as a message can hold it: cut, on one line, and nothing in it that acts.

Names come from requests, files and servers, of any length. On a terminal an escape sequence would
act, a line end would forge a line and a mark of direction would reorder it; and a lone surrogate
is no UTF-8, which gRPC and JSON need.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from itertools import islice

MOST_MARKS = 3  # accents on one letter that are shown; more would climb over other lines


def printable(text: str, keep: str = "") -> str:
    r"""Returns text with all that is unprintable as Python's escapes; UTF-8 can hold it.

    >>> print(printable("日本 ä\x1b[2J\u202e\udcff"))
    日本 ä\x1b[2J\u202e\udcff

    Args:
        text: any; at a cost that grows with it.
        keep: characters that stay as they are, as "\n".
    """
    if text.isascii() and text.isprintable():
        return text
    shown = []
    marks = MOST_MARKS  # one that begins a text would stand on what is printed before it
    for letter in text:
        marks = marks + 1 if unicodedata.combining(letter) else 0
        plain = letter in keep or (letter.isprintable() and marks <= MOST_MARKS)
        shown.append(letter if plain else ascii(letter)[1:-1])
    return "".join(shown)


def quoted(text: str | bytes, most: int = 80) -> str:
    r"""Returns text in quotes as `repr` has it, cut where it is long.

    >>> print(quoted("it's"), quoted("a\nb"), quoted(b"\xff"), quoted("a" * 40_000_000, 4))
    "it's" 'a\nb' b'\xff' 'aaaa…' (40,000,000 characters)

    Args:
        text: any.
        most: characters of it that are shown.
    """
    shown = repr(text[:most])
    if isinstance(text, str):
        shown = f"{shown[0]}{printable(shown[1:-1])}{shown[-1]}"
    if len(text) <= most:
        return shown
    unit = "bytes" if isinstance(text, bytes) else "characters"
    return f"{shown[:-1]}…{shown[-1]} ({len(text):,} {unit})"


def one_line(text: str, most: int = 1000) -> str:
    r"""Returns text as one printable line: blanks and line ends as single blanks, cut where long.

    >>> print(one_line(" no\n  such\tmodel \x07"), one_line("a" * 40_000_000, 4))
    no such model \x07 aaaa… (40,000,000 characters)

    Args:
        text: any; the cost doesn't grow with it.
        most: bytes of UTF-8 that are shown. gRPC sends some as three, and takes 8 KiB at most.
    """
    head = text[: 4 * most]  # more than `most`, since blanks may vanish
    line = printable(" ".join(head.split()))
    kept = line.encode()[:most].decode(errors="ignore")
    if len(head) == len(text) and kept == line:
        return line
    return f"{kept.rstrip()}… ({len(text):,} characters)"


def listed(names: Collection[str], most: int = 200) -> str:
    """Returns names as a sentence lists them: printable, each cut to 200 bytes, and not all.

    >>> listed(["audio", "visual", "theme"], 2), listed([])
    ('audio, visual and 1 more', 'none')

    Args:
        names: any, in the order in which they are shown.
        most: names that are shown.
    """
    shown = ", ".join(one_line(name, 200) for name in islice(names, most))
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{shown}{more}" or "none"
