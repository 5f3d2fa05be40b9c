"""What a notebook shows is escaped, bounded, self-contained, and never raises."""

from __future__ import annotations

from kavc.errors import DataError
from kavc.evaluation import html
from kavc.evaluation.headline import Headline
from kavc.evaluation.report import Report
from kavc.evaluation.table import Column, Table

HOSTILE = "<script>alert('x')</script>\x1b[2J\u202e&"


def test_whatever_a_name_is_it_is_text():
    table = Table(
        "t", [Column(HOSTILE), Column("n", "d", HOSTILE)], [[HOSTILE, 1]], HOSTILE, HOSTILE
    )
    report = Report(HOSTILE, Headline(HOSTILE, 1, "max"), [table], notes=[HOSTILE])
    for shown in (table._repr_html_(), report._repr_html_()):
        assert "<script" not in shown and "\x1b" not in shown and "\u202e" not in shown
        assert "&lt;script&gt;" in shown and "&amp;" in shown


def test_numbers_stand_to_the_right_as_they_are_shown():
    shown = Table("t", ["a", Column("b", ".1f", "%")], [["x", 1.25], [None, None]])._repr_html_()
    assert 'text-align:left">x<' in shown and 'text-align:right">1.2<' in shown
    assert "b (%)" in shown and shown.count("–") == 2


def test_a_long_table_is_cut_and_says_so():
    shown = Table("t", ["a"], [[f"row {n}"] for n in range(html.MOST_ROWS + 3)])._repr_html_()
    assert "row 199<" in shown and "row 200<" not in shown and "and 3 more rows" in shown


def test_a_picture_is_part_of_the_page():
    assert 'src="data:image/png;base64,cG5n"' in html.picture(lambda: b"png", "caption", "source")


def test_a_picture_that_is_not_there_is_said():
    def gone():
        raise DataError("figures/a.png: no such file")

    shown = html.picture(gone, "caption", "")
    assert "(no picture: figures/a.png: no such file)" in shown and "<img" not in shown
