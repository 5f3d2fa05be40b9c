"""Which judgements are for training, validation and test, and what these have in common."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from kavc.data.comparisons.table import Comparisons
from kavc.data.layouts import View
from kavc.data.membership import hash_split, read_rosters
from kavc.data.roster import Roster
from kavc.data.source import Source
from kavc.data.splits import SPLITS
from kavc.errors import ConfigError, DataError, unknown

SPLIT_BY = {  # what is in one split alone: which columns decide
    "video": ("video",),
    "track": ("track_a", "track_b"),
    "both": ("video", "track_a", "track_b"),
}
Rows = Mapping[str, np.ndarray]  # split name to (n,) int64 rows, ascending


def check_split_by(view: View) -> str:
    """Returns what a view splits by.

    Raises:
        ConfigError: it is none of `SPLIT_BY`.

    Example:
        >>> check_split_by(View(split_by="both"))
        'both'
    """
    if view.split_by not in SPLIT_BY:
        raise ConfigError(unknown("split", view.split_by, SPLIT_BY))
    return view.split_by


def divided(source: Source, view: View, table: Comparisons, file: Path) -> tuple[Rows, list[str]]:
    """Divides judgements into splits: by a splits file, else by the table, else by hash.

    Args:
        source: says by which splits file.
        view: says what is in one split alone, where the hash decides.
        table: the judgements.
        file: that the table is of.

    Returns:
        The rows of each split, and sentences on what was dropped.

    Raises:
        ConfigError: as `check_split_by`.
        DataError: a split is empty, or the splits file lists what isn't there.
    """
    by = check_split_by(view)
    rows: Rows
    notes: list[str] = []
    if source.parts() is not None:
        rows = _listed(source, table, file)
    elif table.split is not None:
        of_table = {split: np.flatnonzero(table.split == split) for split in SPLITS}
        rows = {split: found for split, found in of_table.items() if len(found)}
    else:
        rows, notes = by_hash(table, by)
    for split, found in rows.items():
        if not len(found):
            raise DataError(f"{source}: split {split!r} is empty, of {len(table)} judgements; say"
                            " by a column split which are for what")  # fmt: skip
    return rows, notes


def by_hash(table: Comparisons, by: str) -> tuple[Rows, list[str]]:
    """Divides judgements 80/10/10 by the hash of the ids of their videos, tracks or both.

    A judgement whose parts are not in the same split is dropped.

    Args:
        table: the judgements.
        by: a key of `SPLIT_BY`.

    Returns:
        The rows of each split, and a sentence on how many each way of splitting drops.

    Example:
        >>> from kavc.data.comparisons.table import texts
        >>> ids, answers = texts(["v1|a|b", "v2|a|c"]), np.array([0, 1], np.int32)
        >>> columns = texts(["v1", "v2"]), texts(["a", "a"]), texts(["b", "c"]), texts(["", ""])
        >>> table = Comparisons(ids, *columns, answers, None, np.array([2, 3]))
        >>> rows, (note,) = by_hash(table, "video")
        >>> sum(len(each) for each in rows.values()), note[:40]
        (2, 'no published split: 80/10/10 by the hash')
    """
    of_column = {
        name: hash_split(tf.constant(getattr(table, name), tf.string)).numpy()
        for name in SPLIT_BY["both"]
    }
    same = {}
    for way, names in SPLIT_BY.items():
        places = np.stack([of_column[name] for name in names])
        same[way] = (places == places[0]).all(axis=0)
    dropped = ", ".join(f"by {way} {int(np.sum(~kept)):,}" for way, kept in same.items())
    place = of_column[SPLIT_BY[by][0]]
    rows = {s: np.flatnonzero(same[by] & (place == number)) for number, s in enumerate(SPLITS)}
    return rows, [f"no published split: 80/10/10 by the hash of the id, by {by}; of {len(table):,}"
                  f" judgements are dropped {dropped}"]  # fmt: skip


def overlaps(table: Comparisons, rows: Rows) -> list[str]:
    """Returns sentences on which videos and tracks of a split are in an earlier one, too."""
    told = []
    for one, other in itertools.combinations([s for s in SPLITS if s in rows], 2):
        if (one, other) != ("train", "validation"):
            videos = _shared(table.video[:, None], rows[one], rows[other])
            tracks = _shared(table.tracks(), rows[one], rows[other])
            told.append(f"{other}: {videos} videos and {tracks} tracks are in {one}, too")
    return told


def _shared(ids: np.ndarray, one: np.ndarray, other: np.ndarray) -> str:
    these, those = set(ids[other].ravel()), set(ids[one].ravel())
    return f"{len(these & those):,} of {len(these):,}"


def _listed(source: Source, table: Comparisons, file: Path) -> Rows:
    parts = source.parts() or {}
    labels = table.answer.astype(np.int64)
    splits, everyone = np.arange(len(table) + 1), np.ones(len(table), bool)
    rosters = read_rosters(
        source,
        list(parts),
        [file],
        parts,
        count=lambda _: len(table),
        read=lambda _: Roster(table.ids, labels, splits, everyone, everyone),
    )
    place = {id_: row for row, id_ in enumerate(table.ids)}
    return {
        split: np.array([place[id_] for id_ in roster.ids], np.int64)
        for split, roster in rosters.items()
    }
