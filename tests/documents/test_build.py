"""The documentation builds without a warning, and its pages ask no other machine for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="the extra docs is not installed")

ROOT = Path(__file__).parents[2]
ASKED = re.compile(r"<(?:script|img|iframe)[^>]*?\ssrc=[\"']?(?:https?:)?//[^\s>]*")
LINKED = re.compile(r"<link(?![^>]*rel=[\"']?canonical)[^>]*?\shref=[\"']?(?:https?:)?//[^\s>]*")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages; longer than ten seconds, since it renders the whole package's docstrings."""
    folder = tmp_path_factory.mktemp("documents") / "site"
    words = ["build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", *words],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if not line.startswith("INFO")]
    assert done.returncode == 0, "\n".join(lines)
    assert lines == []
    return folder


@pytest.mark.parametrize("pattern", [ASKED, LINKED])
def test_no_page_asks_another_machine(site, pattern):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        assert not pattern.search(page.read_text("utf-8")), page


@pytest.mark.parametrize(
    "page, texts",
    [
        ("reference/kavc.html", ['id="kavc.train"', "Keras audio-visual correspondence"]),
        ("reference/kavc.metrics.html", ["roc_auc", "fit_threshold"]),
        ("reference/commands.html", ["kavc train", "kavc tune run", "--resume", "<code>0</code>"]),
        ("notebooks/quickstart.html", ["kavc in ten minutes"]),
        ("project/contributing.html", ["Architecture as built"]),
        ("results/serving.html", ["repository/benchmarks/results/serving_swaps.png"]),
    ],
)
def test_pages_that_are_made_hold_what_they_are_made_of(site, page, texts):
    html = (site / page).read_text("utf-8")
    assert [text for text in texts if text not in html] == []


def test_a_picture_that_a_page_links_to_is_in_the_site(site):
    assert (site / "repository" / "benchmarks" / "results" / "serving_swaps.png").stat().st_size


def test_public_names_of_the_package_are_documented(site):
    from kavc import __all__ as names

    html = (site / "reference" / "kavc.html").read_text("utf-8")
    assert [name for name in names if f"kavc.{name}" not in html] == []
