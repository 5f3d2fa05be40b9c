"""Adds the notebooks: executed ones where `make docs-notebooks` has made them, else as stored."""

from __future__ import annotations

import logging
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
EXECUTED = ROOT / ".executed"  # has a folder `notebooks`, as the repository does

log = logging.getLogger("mkdocs.hooks.notebooks")


@event_priority(100)
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds each notebook as a page."""
    for stored in sorted(ROOT.glob("notebooks/*.ipynb")):
        page = f"notebooks/{stored.name}"
        executed = EXECUTED / page
        fresh = executed.exists() and executed.stat().st_mtime >= stored.stat().st_mtime
        if not fresh:
            log.info("%s is shown without outputs: make docs-notebooks executes it", page)
        folder = EXECUTED if fresh else ROOT
        files.append(File(page, str(folder), config.site_dir, config.use_directory_urls))
    return files
