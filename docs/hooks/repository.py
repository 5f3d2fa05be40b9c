"""Carries files of the repository that pages link to into the site.

A link that leaves `docs/` is written as it works in the repository. The folders' own README files,
the changelog and the like are pages of the site; any other file lies under `repository/`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "benchmarks/README.md": "project/benchmarks.md",
    "export/README.md": "project/export.md",
    "tuning/README.md": "project/tuning.md",
    "notebooks/README.md": "notebooks/index.md",
}
LINK = re.compile(r"\]\((?!\w+:|#|/)([^)\s#]+)(#[^)\s]*)?\)")


def destination(target: str, folder: Path) -> str | None:
    """Returns where in the site a link's target lies, seen from the root; None if it is no file.

    Args:
        target: as it is written, relative to `folder`.
        folder: of the file that has the link.
    """
    path = Path(os.path.normpath(folder / target))
    if not path.is_relative_to(ROOT) or not path.exists():
        return None
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    name = path.relative_to(ROOT).as_posix()
    if path.is_dir():
        return PAGES.get(f"{name}/README.md")
    if name.startswith("notebooks/") and path.suffix == ".ipynb":
        return name
    return PAGES.get(name, f"repository/{name}")


def carried(text: str, folder: Path) -> set[str]:
    """Returns the files under `repository/` that a page's text needs."""
    found = {destination(match[1], folder) for match in LINK.finditer(text)}
    return {each for each in found if each and each.startswith("repository/")}


@event_priority(100)
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that lie outside `docs/`, and what is linked to from any page."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / name)))
    wanted = set[str]()
    for file in files.documentation_pages():
        if file.abs_src_path and file.src_uri.endswith(".md"):
            source = Path(file.abs_src_path)
            wanted |= carried(source.read_text(encoding="utf-8"), source.parent)
    for name in sorted(wanted):
        source = ROOT / name.removeprefix("repository/")
        files.append(File.generated(config, name, abs_src_path=str(source)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Has each link lead to where its target lies in the site."""
    if not page.file.abs_src_path:
        return markdown
    source, here = Path(page.file.abs_src_path), Path(page.file.src_uri).parent

    def moved(match: re.Match[str]) -> str:
        where = destination(match[1], source.parent)
        if where is None:
            return match[0]  # MkDocs says what is wrong with it
        return f"]({os.path.relpath(where, here)}{match[2] or ''})"

    return LINK.sub(moved, markdown)
