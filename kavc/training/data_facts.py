"""What a run or a sweep keeps of its data, and whether some data are still those.

Its entry for the data is a JSON object: "source" (absolute) and "splits" (the file that the user
named), "counts", "widths", "classes", "notes", "fingerprint" of the files, and "assignment": split
to a digest of who is in it, with the names of their labels; and "extractors", what made the arrays
of media files, if that is known. What the splits file said is kept in
the folder, too, and read in the user's place. Folders of earlier versions have no assignment.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kavc.data.source import Source
from kavc.errors import DataError
from kavc.files import write_text
from kavc.inputs.columns import check_names
from kavc.inputs.records import entries, mapping
from kavc.systems.base import SourceInfo

KEPT = "splits-used.json"  # what the splits file said
ASSIGNMENT = "assignment"
EXTRACTORS = "extractors"
OPTIONAL = {ASSIGNMENT: dict[str, str], EXTRACTORS: dict[str, dict[str, Any]]}
ENTRIES = {
    "source": str,
    "splits": str | None,
    "counts": dict[str, int],
    "widths": dict[str, int],
    "classes": list[str],
    "notes": list[str],
    "fingerprint": str,
}

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
        **({EXTRACTORS: dict(info.extractors)} if info.extractors else {}),
    }


def facts_in(found: object, where: object) -> dict[str, Any]:
    """Returns the entry for the data that a folder holds, if it is one.

    Args:
        found: as it was read.
        where: names the file in messages.

    Raises:
        DataError: an entry is missing or of another type, or the name of a class can't stand in a
            line of a file.

    Example:
        >>> facts_in({"source": "kwai:corpus"}, "data.json")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: data.json: no 'counts'; expected names, each with a ...
    """
    there = mapping(found, where)
    wanted = ENTRIES | {name: kind for name, kind in OPTIONAL.items() if name in there}
    facts = {**there, **entries(there, wanted, where)}
    check_names(facts["classes"], f"{where}: classes")
    return facts


def keep_splits(folder: Path, source: Source) -> None:
    """Writes what the splits file says, if there is one, into a folder of the package's own."""
    if (parts := source.parts()) is not None:
        said = {name: part.to_json() for name, part in parts.items()}
        # Without spaces, so that what could be read can be read again: both have the same limit.
        write_text(folder / KEPT, json.dumps(said, separators=(",", ":")))


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


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Returns in what data differ, as "other splits (...)"; None if they don't.

    Args:
        before: as `facts_of` gives them. Of an earlier version, which kept no assignment, the
            counts and the name of the splits file must do.
        now: of the data as they are.

    Example:
        >>> before = {"fingerprint": "ab", "classes": ["dog"], "assignment": {"test": "12"}}
        >>> difference(before, {**before, "fingerprint": "cd"})
        'other data (their fingerprint differs)'
        >>> difference(before, {**before, "assignment": {"test": "34"}})
        'other splits (who is in test, or with which labels, differs)'
        >>> difference(before, before) is None
        True
    """
    if before["fingerprint"] != now["fingerprint"]:
        return "other data (their fingerprint differs)"
    if "classes" in before and list(before["classes"]) != list(now["classes"]):
        return "other classes (their names differ, as by another vocabulary)"
    if ASSIGNMENT not in before:
        return _difference_of_names(before, now)
    old, new = dict(before[ASSIGNMENT]), dict(now[ASSIGNMENT])
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if not names:
        return None
    return f"other splits (who is in {', '.join(names)}, or with which labels, differs)"


def _difference_of_names(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    if dict(before["counts"]) != dict(now["counts"]):
        return "other splits (their counts differ)"
    files = [facts.get("splits") and Path(facts["splits"]).name for facts in (before, now)]
    if files[0] != files[1]:
        return f"other splits (those of {files[0] or 'the data'}, not of {files[1] or 'the data'})"
    return None


def check_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any], verb: str) -> None:
    """Raises unless data are those of some facts; says so where their splits aren't known.

    Args:
        folder: that keeps the facts.
        before, now: as of `difference`.
        verb: what was done with the folder, as "begun".

    Raises:
        DataError: they are others.

    Example:
        >>> before = {"fingerprint": "ab", "classes": ["dog"], "assignment": {"test": "12"}}
        >>> check_same(Path("runs/a"), before, before, "begun")
        >>> check_same(Path("runs/a"), before, {**before, "fingerprint": "cd"}, "begun")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: runs/a was begun on other data (their fingerprint ...
    """
    found = difference(before, now)
    if found is not None:
        kept = folder / KEPT
        has = f" (--splits {kept} has its splits)" if kept.exists() else ""
        raise DataError(
            f"{folder} was {verb} on {found}; bring those back{has} or use another folder"
        )
    if (unknown := unknown_splits(folder, before)) is not None:
        log.warning(unknown)


def check_files(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises unless data are those of some facts but for their splits, where others are named."""
    check_same(folder, before, {**before, "fingerprint": now["fingerprint"]}, "trained")


def check_alike(folders: Mapping[Path, Mapping[str, Any]]) -> None:
    """Raises unless all runs that are set beside each other had the same data.

    Args:
        folders: folder of each run to its facts.

    Example:
        >>> facts = {"fingerprint": "ab", "classes": ["dog"], "assignment": {"test": "12"}}
        >>> check_alike({Path("a"): facts, Path("b"): {**facts, "classes": ["cat"]}})
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: b was trained on other classes (their names differ, as ...
    """
    (first, facts), *others = folders.items()
    for folder, each in others:
        if (found := difference(facts, each)) is not None:
            raise DataError(
                f"{folder} was trained on {found} than {first}: the data changed in between; "
                "remove one of them to train it anew"
            )


def unknown_splits(folder: Path, facts: Mapping[str, Any]) -> str | None:
    """Returns a sentence if it isn't known who was in the splits; None if it is.

    >>> unknown_splits(Path("runs/a"), {})
    "runs/a was written by an earlier version: who was in its splits isn't known"
    """
    if ASSIGNMENT in facts:
        return None
    return f"{folder} was written by an earlier version: who was in its splits isn't known"
