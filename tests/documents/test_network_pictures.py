"""The pictures of the networks say what the systems' options say, and each page shows its own."""

from __future__ import annotations

import re

import pytest

from kavc.systems import registry

from .pages import DOCS

PICTURES = DOCS / "pictures"
WRITTEN = re.compile(r"<!-- (.*?) -->", re.DOTALL)  # Matplotlib's note of each text in an SVG


@pytest.fixture
def drawings(monkeypatch):
    """The functions that draw, by system."""
    monkeypatch.syspath_prepend(PICTURES)
    from draw_networks import DRAWINGS

    return DRAWINGS


def texts(path):
    return WRITTEN.findall(path.read_text("utf-8"))


def test_every_system_has_a_picture_on_its_page(drawings):
    assert sorted(drawings) == registry.names()
    for name in drawings:
        page = (DOCS / "systems" / f"{name}.md").read_text("utf-8")
        assert f"(../pictures/network-{name}.svg)" in page


@pytest.mark.parametrize("name", registry.names())
def test_a_picture_is_what_the_script_draws(name, drawings, tmp_path):
    """By what is written in it, since its curves are those of a version of Matplotlib."""
    drawings[name](registry.get(name).Config()).save(tmp_path / "drawn.svg")
    assert len(texts(tmp_path / "drawn.svg")) > 10
    assert texts(PICTURES / f"network-{name}.svg") == texts(tmp_path / "drawn.svg")


def test_a_picture_follows_the_options(drawings, tmp_path):
    config = registry.get("ti-avc").Config(embedding_dim=77)
    drawings["ti-avc"](config).save(tmp_path / "drawn.svg")
    assert any("77" in text for text in texts(tmp_path / "drawn.svg"))
