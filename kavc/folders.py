"""Whose a folder is: what a command writes goes into a folder of its own, or is refused.

One rule for every output folder. One that is missing or empty becomes the package's own: a hidden
file, `.kavc`, says for which kind of output. What was made for a kind takes that kind again. All
else is somebody's, or for something else, and is refused before anything is written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kavc.errors import ConfigError, DataError
from kavc.files import write_json
from kavc.inputs.json_files import read_json

MARK = ".kavc"
KINDS = {
    "run": "a run",
    "sweep": "a sweep",
    "report": "a report",
    "reproduction": "the runs of a reproduction",
    "winner": "the runs of a winner",
    "demo": "a demo",
    "features": "extracted features",
}
COLLECTIONS = ("reproduction", "winner")  # of run folders, ROW/seed-S
REPORT = {"report.json", "report.md", "tables", "figures", "predictions.npz"}
# How a folder without the mark, as of an earlier version, is known: a file and entries of it.
MAIN_FILES = {
    "run": ("config.json", {"system", "preset", "overrides", "seed", "options"}),
    "sweep": ("sweep.json", {"settings", "space"}),
    "report": ("report.json", {"format", "headline"}),
}


def check_own(folder: str | os.PathLike, kind: str, rows: Iterable[str] = ()) -> None:
    """Raises unless output of a kind may go into a folder; changes nothing.

    Args:
        folder: may be missing.
        kind: one of `KINDS`.
        rows: of a collection of runs, the names of its folders; by these one without a mark is
            known, as of an earlier version.

    Raises:
        ConfigError: it is no folder, holds output of another kind, or something that isn't ours.

    Example:
        >>> check_own("/nothing/is/here", "report")  # may be made
        >>> check_own(__file__, "report")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: ...folders.py: a file; a report needs a folder
    """
    folder = Path(folder)
    if os.path.lexists(folder) and not folder.is_dir():
        raise ConfigError(f"{folder}: a file; {KINDS[kind]} {_need(kind)} a folder")
    _check_above(folder)
    found, others = kind_of(folder), content(folder)
    if found == kind or not (found or others):
        return
    if kind in COLLECTIONS and _is_collection(folder, set(rows), found):
        return
    if found:
        own = "their own" if kind in COLLECTIONS else "its own"
        raise ConfigError(
            f"{folder}: holds {KINDS[found]}; {KINDS[kind]} {_need(kind)} {own} folder"
        )
    raise ConfigError(
        f"{folder}: not empty and no {kind} folder (it holds {others[0]!r}); use a new folder"
    )


def claim(folder: str | os.PathLike, kind: str, rows: Iterable[str] = ()) -> None:
    """Makes a folder the package's own for a kind of output, if `check_own` lets it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as above:
    ...     claim(f"{above}/figures", "report")
    ...     kind_of(f"{above}/figures"), content(f"{above}/figures"), kind_of(above)
    ('report', [], None)
    """
    check_own(folder, kind, rows)
    if _marked(Path(folder)) != kind:
        write_json(Path(folder) / MARK, {"kind": kind})


def settle(folder: str | os.PathLike) -> None:
    """Removes the mark of a folder that is known without it, as one that holds a whole report."""
    marked = _marked(Path(folder))
    if marked is not None and _by_content(Path(folder)) == marked:
        (Path(folder) / MARK).unlink()


def kind_of(folder: str | os.PathLike) -> str | None:
    """Returns for what a folder is the package's own; None if it isn't, or isn't there."""
    folder = Path(folder)
    return _marked(folder) or _by_content(folder)


def _by_content(folder: Path) -> str | None:
    for kind, (name, entries) in MAIN_FILES.items():
        found = _json(folder / name)
        if isinstance(found, dict) and entries <= set(found):
            return kind
    return None


def content(folder: str | os.PathLike) -> list[str]:
    """Returns the names in a folder, sorted, without hidden ones; none if it isn't there."""
    folder = Path(folder)
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [name for name in names if not name.startswith(".")]


def _need(kind: str) -> str:
    return "need" if kind in COLLECTIONS else "needs"


def _marked(folder: Path) -> str | None:
    found = _json(folder / MARK)
    kind = found.get("kind") if isinstance(found, dict) else None
    return kind if isinstance(kind, str) and kind in KINDS else None


def check_new(folder: str | os.PathLike) -> None:
    """Raises unless a folder can be made there; changes nothing.

    Raises:
        ConfigError: something is there, or above it is something that is no folder.
    """
    folder = Path(folder)
    if os.path.lexists(folder):
        raise ConfigError(f"{folder}: exists; choose another folder or remove it")
    _check_above(folder)


def _check_above(folder: Path) -> None:
    for above in folder.parents:
        if os.path.lexists(above) and not above.is_dir():
            raise ConfigError(f"{above}: Not a directory; {folder} can't be made below it")


def _is_collection(folder: Path, rows: set[str], found: str | None) -> bool:
    """Whether all in an unmarked folder are runs of these rows, and a report over them."""
    names = set(content(folder))
    there = rows & names
    return (
        bool(there)
        and all(kind_of(path) == "run" for row in there for path in (folder / row).glob("seed-*"))
        and (names == there or (found == "report" and names - there <= REPORT))
    )


def _json(path: Path) -> Any:
    with contextlib.suppress(DataError, OSError):
        if path.is_file():
            return read_json(path)
    return None
