"""From the videos of some files to the splits that they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from kavc.data import splits as split_files
from kavc.data.roster import Roster, check_apart, check_listed
from kavc.data.source import Source
from kavc.data.splits import Part


def read_rosters(
    source: Source,
    names: Sequence[str],
    files: Sequence[Path],
    parts: Mapping[str, Part] | None,
    *,
    count: Callable[[Path], int],
    read: Callable[[Sequence[Path]], Roster],
) -> dict[str, Roster]:
    """Reads who is in each split, in one pass over the files that hold them, and checks it.

    Args:
        source: where the files are.
        names: of the splits that there are.
        files: of the source, each once.
        parts: as of `kavc.data.splits.files_of`; None for a split by hash.
        count: from a file to its number of videos.
        read: from files to the roster of all their videos, file by file.

    Returns:
        Split name to roster.

    Raises:
        DataError: as `kavc.data.splits.files_of`; a video is in two splits; a splits file lists
            ids that the data don't have; a record is damaged or does not fit.
    """
    chosen = {name: _among(name, files, source.path, parts) for name in names}
    wanted = set().union(*chosen.values())
    records = {file: count(file) for file in files if file in wanted}
    found = divide(read(list(records)), records, chosen, parts)
    check_apart(found, str(source))
    check_listed(parts, found, str(source.kept or source.splits))
    return found


def _among(
    name: str, files: Sequence[Path], folder: Path, parts: Mapping[str, Part] | None
) -> list[Path]:
    return list(files) if parts is None else split_files.files_of(name, files, folder, parts)


def divide(
    whole: Roster,
    records: Mapping[Path, int],
    chosen: Mapping[str, Sequence[Path]],
    parts: Mapping[str, Part] | None,
) -> dict[str, Roster]:
    """Divides the videos of some files into splits.

    Args:
        whole: the videos of all files, file by file.
        records: file to number of its videos, in that order.
        chosen: split name to the files among which its videos lie.
        parts: as of `read_rosters`.

    Returns:
        Split name to roster, of the splits in `chosen`.
    """
    place = {file: number for number, file in enumerate(records)}
    of_file = np.repeat(np.arange(len(records)), list(records.values()))
    found = {}
    for split, files in chosen.items():
        if parts is None or parts[split].ids:
            keep = split_files.in_split(tf.constant(whole.ids, tf.string), split, parts).numpy()
        else:
            keep = np.isin(of_file, [place[file] for file in files])
        found[split] = whole.select(keep)
    return found


def cache_key(
    fingerprint: str, files: Iterable[Path], parts: Mapping[str, Part] | None
) -> tuple[object, ...]:
    """Returns what rosters depend on: as long as it is the same, they need not be read again.

    Args:
        fingerprint: of the source.
        files: of the source; their sizes and times are looked at.
        parts: as of `read_rosters`.
    """
    stats = [file.stat() for file in files]
    times = tuple((stat.st_size, stat.st_mtime_ns) for stat in stats)
    return fingerprint, times, None if parts is None else tuple(parts.items())
