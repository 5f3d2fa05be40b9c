"""The words of errors."""

from __future__ import annotations

import time

import pytest

from kavc.errors import unknown


@pytest.mark.parametrize(
    ("name", "known"), [("caf\u00e9", "cafe\u0301"), ("cafe\u0301", "caf\u00e9")]
)
def test_a_name_that_is_known_in_another_unicode_form(name, known):
    line = f"unknown theme {name!a}; known in another Unicode form, {known!a}"
    assert unknown("theme", name, ["pets", known]) == line


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("a" * 40_000_000, ["audio"]),
        ("a", ["a" * 40_000_000]),
        ("ab" * 100, ["ba" * 100] * 1000),
        ("ab" * 20, [f"{number:05}" + "ba" * 18 for number in range(20_000)]),
        ("zz", [f"name{number}" for number in range(100_000)]),
    ],
    ids=["long", "long-known", "alike", "many-alike", "many"],
)
def test_the_sentence_costs_little_whatever_the_names(name, known):
    start = time.process_time()
    line = unknown("input", name, known)
    assert time.process_time() - start < 3  # without bounds 4 s to minutes
    assert len(line) < 50_000


def test_long_names_are_cut_and_compared_with_none():
    line = unknown("input", "a" * 201, ["a" * 200])
    assert line == f"unknown input '{80 * 'a'}…' (201 characters). Known: {200 * 'a'}"
    assert "did you mean" in unknown("input", "a" * 200, ["a" * 199])


def test_no_more_names_are_listed_than_anyone_reads():
    line = unknown("layer", "zz", [f"conv_{number:04}" for number in range(1200)])
    assert line.endswith(" conv_0198, conv_0199 and 1,000 more")


@pytest.mark.parametrize("text", ["a\x1b[2J", "a\nb", "a\u202eb", "a\udcff"], ids=ascii)
def test_names_are_printable(text):
    for line in (unknown("input", text, ["b"]), unknown("input", "b", [text])):
        assert line.isprintable()
    assert unknown("class", "日本", ["ä"]) == "unknown class '日本'. Known: ä"
