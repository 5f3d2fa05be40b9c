"""What a run or a sweep keeps of its data, and whether some data are still those.

Its entry for the data is a JSON object: "source" (absolute) and "splits" (the file that the user
named), "counts", "widths", "classes", "notes", "fingerprint" of the files, and "assignment": split
to a digest of who is in it, with the names of their labels. What the splits file said is kept in
the folder, too, and read in the user's place. Folders of earlier versions have no assignment.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kavc.data.source import Source
from kavc.errors import DataError
from kavc.files import write_json
from kavc.systems.base import SourceInfo

KEPT = "splits-used.json"  # what the splits file said
ASSIGNMENT = "assignment"

log = logging.getLogger(__name__)


def facts_of(source: Source, info: SourceInfo) -> dict[str, Any]:
    """Returns the entry for the data.

    Args:
        source: where they are.
        info: what they fix.
    """
    where = source.absolute()
    return {
        "source": str(where),
        "splits": None if where.splits is None else str(where.splits),
        "counts": dict(info.counts),
        "widths": dict(info.widths),
        "classes": list(info.classes),
        "notes": list(info.notes),
        "fingerprint": info.fingerprint,
        ASSIGNMENT: dict(info.splits),
    }


def keep_splits(folder: Path, source: Source) -> None:
    """Writes what the splits file says, if there is one, into a folder of the package's own."""
    if (parts := source.parts()) is not None:
        write_json(folder / KEPT, {name: part.to_json() for name, part in parts.items()})


def source_of(folder: Path, facts: Mapping[str, Any]) -> Source:
    """Returns where the data are, with the splits as they were.

    Args:
        folder: that keeps the facts, and the splits.
        facts: as `facts_of` gives them; of an earlier version, with paths as they were typed.

    Raises:
        DataError: they are not there any more.
    """
    if ASSIGNMENT not in facts or facts["splits"] is None:
        return Source.parse(facts["source"], splits=facts["splits"])
    return Source.parse(facts["source"], splits=facts["splits"], kept=folder / KEPT)


def difference(facts: Mapping[str, Any], info: SourceInfo) -> str | None:
    """Returns in what data differ from those of some facts, as "other splits (...)"; None if not.

    Args:
        facts: as `facts_of` gives them.
        info: of the data as they are now.
    """
    if facts["fingerprint"] != info.fingerprint:
        return "other data (their fingerprint differs)"
    if "classes" in facts and list(facts["classes"]) != list(info.classes):
        return "other classes (their names differ, as by another vocabulary)"
    before, now = facts.get(ASSIGNMENT), dict(info.splits)
    if before is None or before == now:
        return None
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return f"other splits (who is in {', '.join(names)}, or with which labels, differs)"


def check_same(folder: Path, facts: Mapping[str, Any], info: SourceInfo, verb: str) -> None:
    """Raises unless data are those of some facts; says so where their splits aren't known.

    Args:
        folder: that keeps the facts.
        facts, info: as of `difference`.
        verb: what was done with the folder, as "begun".

    Raises:
        DataError: they are others.
    """
    found = difference(facts, info)
    if found is not None:
        kept = folder / KEPT
        hint = (
            f"bring those back (--splits {kept} has its splits)"
            if kept.exists()
            else ("bring those back")
        )
        raise DataError(f"{folder} was {verb} on {found}; {hint} or use another folder")
    if (unknown := unknown_splits(folder, facts)) is not None:
        log.warning(unknown)


def unknown_splits(folder: Path, facts: Mapping[str, Any]) -> str | None:
    """Returns a sentence if it isn't known who was in the splits; None if it is."""
    if ASSIGNMENT in facts:
        return None
    return f"{folder} was written by an earlier version: who was in its splits isn't known"
