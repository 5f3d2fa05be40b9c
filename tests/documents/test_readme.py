"""The README is a front door: short, with a picture that is there."""

from __future__ import annotations

import re

from .pages import ROOT

MOST_WORDS = 1200


def test_it_is_short_and_its_pictures_are_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) < MOST_WORDS
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert pictures and all((ROOT / picture).is_file() for picture in pictures)


def test_each_system_has_its_page_beside_its_headline():
    from kavc.systems.registry import names

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in names():
        assert f"[`{name}`](docs/systems/{name}.md)" in text
