"""Which clips there are: files and folders that a user names, and a table of their labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kavc.data.features import header
from kavc.data.features.table import Row, check_id, class_names, read_videos
from kavc.errors import ConfigError, DataError
from kavc.inputs.json_files import read_json
from kavc.inputs.opening import named
from kavc.inputs.table import read_table

MOST = 256 * 2**20  # bytes of a table
LONGEST = 200  # bytes of an id, which names a file
FILE = "file"  # the column of a table with the paths of the clips
SUFFIXES = (
    ".3gp", ".aac", ".ac3", ".aif", ".aiff", ".amr", ".asf", ".avi", ".caf", ".flac", ".flv",
    ".m4a", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpeg", ".mpg", ".mts", ".oga",
    ".ogg", ".ogv", ".opus", ".ts", ".wav", ".webm", ".wma", ".wmv",
)  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """A media file that features are made of.

    Args:
        id: of the video in the corpus.
        path: of the file.
        row: of the table; None without one.

    Example:
        >>> Clip("dog", Path("clips/dog.mp4")).row is None
        True
    """

    id: str
    path: Path
    row: Row | None = None


@dataclass(frozen=True)
class Clips:
    """The clips that are there, and what is not.

    Args:
        clips: sorted by id.
        bad: (id or "", file, reason) of what was named and can't be taken.
        classes: names of the labels, by index.
        split: whether the table has splits.
        unlisted: how many files the table doesn't name.
        rows: of the table, by id.
        kept: its columns that are kept.
    """

    clips: Sequence[Clip]
    bad: Sequence[tuple[str, str, str]] = ()
    classes: Sequence[str] = ()
    split: bool = False
    unlisted: int = 0
    rows: Mapping[str, Row] = field(default_factory=dict)
    kept: Sequence[str] = ()


def find_clips(
    places: Iterable[str | os.PathLike] = (),
    table: str | os.PathLike | None = None,
    keep: Iterable[str] = (),
) -> Clips:
    """Finds clips.

    Args:
        places: files, whatever their names; and folders, of which files with the suffix of a media
            file are taken, also below. A clip's id is the name of its file without the suffix.
        table: CSV as of `kavc.data.features.table.read_videos`. With a column "file", each row
            names its clip, relative to the table; without, the rows are looked for by id.
        keep: columns of the table that are kept, as text.

    Raises:
        ConfigError: nothing is named.
        DataError: a place isn't there, the table is malformed, or there are no clips at all.

    Example:
        clips = find_clips(["clips"], table="videos.csv", keep=["licence"])
        print(len(clips.clips), "clips;", len(clips.bad), "are left out")
    """
    named_places = [Path(place) for place in places]
    if not named_places and table is None:
        raise ConfigError("expected clips: media files, or folders of them")
    for place in named_places:
        if not os.path.lexists(place):
            raise DataError(f"{place}: no such file or folder")
    unread: list[tuple[str, str, str]] = []
    named_so = {os.path.abspath(file): file for p in named_places for file in _files(p, unread)}
    files = list(named_so.values())  # each once, however often it is named
    found = _by_id(files) if table is None else _by_table(files, Path(table), list(keep))
    found = replace(found, bad=[*found.bad, *unread])
    if not found.clips and not found.bad:
        where = ", ".join(map(str, named_places)) or str(table)
        raise DataError(f"{where}: no media files ({', '.join(SUFFIXES)})")
    return found


def are_synthetic(clips: Iterable[Clip]) -> bool:
    """Returns whether all clips lie in folders of what `kavc synth-video` made, as these say."""
    beside = {clip.path.absolute().parent.parent / header.NAME for clip in clips}
    return bool(beside) and all(map(_says_synthetic, beside))


def _says_synthetic(path: Path) -> bool:
    try:
        found = read_json(path)
    except DataError:
        return False
    return isinstance(found, dict) and found.get(header.SYNTHETIC) is True


def _files(place: Path, unread: list[tuple[str, str, str]]) -> list[Path]:
    """Returns a file, or the media files of a folder and of those below it, sorted by name.

    A folder with the name of a media file is one of them: that it is none is said later. Folders
    that can't be read join `unread`.
    """
    if not place.is_dir():
        return [place]
    found = []

    def note(fault: OSError) -> None:
        unread.append(("", named(fault.filename), f"its files can't be listed ({fault.strerror})"))

    for above, folders, names in os.walk(place, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        entries = [*names, *folders]
        found += [Path(above) / name for name in entries if not name.startswith(".")]
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


def _by_id(files: Iterable[Path]) -> Clips:
    named_so: dict[str, list[Path]] = {}
    for path in files:
        named_so.setdefault(path.stem, []).append(path)
    clips, bad = [], []
    for id_, paths in sorted(named_so.items()):
        if len(paths) > 1:
            bad += [(id_, named(path), _doubled(path, paths)) for path in paths]
        elif reason := _unfit(id_):
            bad.append(("", named(paths[0]), reason))
        else:
            clips.append(Clip(id_, paths[0]))
    return Clips(clips, bad)


def _doubled(path: Path, paths: Sequence[Path]) -> str:
    other = next(named(each) for each in paths if each != path)
    return f"has the id of {other}; rename one, or give a table with columns id and file"


def _unfit(id_: str) -> str:
    try:
        length = len(id_.encode())
        check_id(id_, "")
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    except DataError:
        return "its name without the suffix can't be an id; rename it"
    if length > LONGEST:
        return f"its name is too long for an id: {length} bytes, {LONGEST} at most; rename it"
    return "" if id_.isprintable() else "its name holds signs that can't be printed; rename it"


def _by_table(files: Sequence[Path], table: Path, keep: Sequence[str]) -> Clips:
    names, records = read_table(table, needed=("id",), most=MOST)
    has_files = FILE in names
    paths = {record["id"]: record[FILE] for _, record in records} if has_files else {}
    rows = read_videos(table, keep).rows
    known = {row.id for row in rows}
    there: Mapping[str, Clip] = {}
    bad: list[tuple[str, str, str]] = []
    if not has_files:
        by_id = _by_id([path for path in files if path.stem in known])
        there = {clip.id: clip for clip in by_id.clips}
        bad = [each for each in by_id.bad if each[0]]  # what can't be an id is told below
    clips, told = [], {id_ for id_, _, _ in bad}
    for row in sorted(rows, key=lambda row: row.id):
        if reason := _unfit(row.id):
            told.add(row.id)
            bad.append(("", named(paths.get(row.id, row.where)), f"id {row.id[:40]!a}: {reason}"))
        elif has_files:
            clips.append(Clip(row.id, table.parent / paths[row.id], row))
        elif row.id in there:
            clips.append(Clip(row.id, there[row.id].path, row))
        elif row.id not in told:
            bad.append((row.id, "", f"no clip of this name among those that {table} is for"))
    if has_files:
        listed = {os.path.abspath(clip.path) for clip in clips}
        unlisted = sum(os.path.abspath(path) not in listed for path in files)
    else:
        unlisted = sum(path.stem not in known for path in files)
    return Clips(
        clips, bad, class_names(rows) if any(row.labels for row in rows) else (),
        rows[0].split is not None, unlisted, {row.id: row for row in rows}, keep,
    )  # fmt: skip
