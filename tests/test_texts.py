"""Text from outside, as messages hold it."""

from __future__ import annotations

import unicodedata

import pytest

from kavc.texts import MOST_MARKS, one_line, printable, quoted

HUGE = 40_000_000
ACTING = [
    "\x1b[2J", "\n", "\r", "\0", "\x7f", "\x9b31m", "\u2028", "\u200b", "\u202e", "\u2066",
    "\ufeff", "\udcff", "\ud800", "\U000e0041",
]  # fmt: skip
READABLE = ["", "audio", "it's", 'say "so"', "a\\b", "ä", "日本", "नमस्ते", "cafe\u0301", "🎵"]


@pytest.mark.parametrize("text", ACTING, ids=ascii)
@pytest.mark.parametrize("shown", [printable, quoted, one_line])
def test_what_acts_on_a_terminal_is_escaped(shown, text):
    line = shown(f"a{text}b")
    assert line.isprintable()
    line.encode()


@pytest.mark.parametrize("text", READABLE, ids=ascii)
def test_what_can_be_read_stays(text):
    assert printable(text) == one_line(text) == text
    assert quoted(text) == repr(text)


def test_line_ends_stay_where_they_are_meant():
    assert printable("a\nb\rc", keep="\n") == "a\nb\\rc"


def test_accents_never_climb_over_what_is_printed_beside_them():
    mark = "\u0301"
    assert printable(mark + "a") == r"\u0301a"
    assert quoted(mark) == r"'\u0301'"
    stack = printable("a" + 50 * mark)
    assert sum(map(unicodedata.combining, stack)) == MOST_MARKS * unicodedata.combining(mark)


class Huge(str):
    """Text that nobody looks at as a whole: its length and pieces of it are all there is."""

    def _refuse(self, *_):
        raise AssertionError("the whole text was read")

    __iter__ = __repr__ = __contains__ = split = encode = isascii = isprintable = _refuse


@pytest.mark.parametrize("shown", [quoted, one_line])
@pytest.mark.parametrize("letter", ["a", " ", "\n", "\x1b", "\U0001f3b5", "\udcff", "\u0301"])
def test_what_is_long_is_cut_and_never_read_to_its_end(shown, letter):
    line = shown(Huge(letter * HUGE), 80)
    assert line.endswith(" (40,000,000 characters)")
    assert line.isprintable()
    assert len(line) < 80 * len(r"\U0001f3b5") + 30


def test_the_cut_is_in_bytes_where_a_protocol_counts_them():
    for text in ("ä" * 2000, "\U0001f3b5" * 2000, "a" * 2000):
        kept, _, rest = one_line(text, 1001).partition("…")
        assert 997 < len(kept.encode()) <= 1001
        assert rest == " (2,000 characters)"


def test_bytes_are_shown_as_bytes():
    assert quoted(b"\x00" * 3, 2) == r"b'\x00\x00…' (3 bytes)"


def test_blanks_that_vanish_leave_room():
    assert one_line(" a" + " " * 30 + "b ", 10) == "a b"
    assert one_line("a" + " " * HUGE + "b", 10) == "a… (40,000,002 characters)"
