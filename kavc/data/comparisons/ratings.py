"""The table of ratings, `ratings.csv`, and the genres of its tracks, of `tracks.csv`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kavc.data.ids import shown
from kavc.errors import DataError
from kavc.inputs.columns import CONTROL, check_not_misspelt
from kavc.inputs.opening import named
from kavc.inputs.table import read_table

NAME, TRACKS_NAME = "ratings.csv", "tracks.csv"
MAX_BYTES = 256 * 2**20
LEAST, MOST = 1, 7
NEEDED = ("video", "track", "rating")
HEADER = "video,track,rating[,rater]"
TRACKS_HEADER = "track,genre[,family]"
LONGEST_ID = 1024  # characters


@dataclass(frozen=True, eq=False)
class Ratings:
    """How well tracks fit videos, one rating a row.

    Args:
        video, track: (n,) object, bytes.
        rater: (n,) object, bytes; empty where none is named.
        rating: (n,) float64, whole numbers from 1 (extremely poor fit) to 7 (extremely good fit).

    Reference:
        Langlois, 2019, section 2.2.

    Example:
        >>> ids, raters = np.array([b"v1", b"v1"], object), np.array([b"r1", b""], object)
        >>> Ratings(ids, ids, raters, np.array([5.0, 6.0])).notes()[-1]
        '1 of 2 ratings name no rater'
    """

    video: np.ndarray
    track: np.ndarray
    rater: np.ndarray
    rating: np.ndarray

    def __len__(self) -> int:
        return len(self.rating)

    def notes(self) -> list[str]:
        """Returns sentences on raters of whom little is known."""
        raters, counts = np.unique(self.rater[self.rater != b""], return_counts=True)
        unnamed, once = len(self) - int(counts.sum()), raters[counts == 1]
        notes = []
        if len(once):
            notes.append(
                f"{len(once):,} of {len(raters):,} raters have one judgement only, as"
                f" {shown(once[0])!r}: whether they rate high or low can't be told"
            )
        if unnamed:
            notes.append(f"{unnamed:,} of {len(self):,} ratings name no rater")
        return notes


def read_ratings(path: str | os.PathLike) -> Ratings:
    """Reads a CSV of ratings.

    Args:
        path: of a table with a header: video, track, rating, and optionally rater. Other columns
            are left out.

    Raises:
        DataError: the table or a row is malformed, a column is missing or misspelt, an id is empty
            or no plain text, a rating is no whole number from 1 to 7, a rater rates a track twice
            with the same video, or there are no rows.

    Reference:
        Langlois, 2019, section 2.2, of the scale.

    Example:
        >>> read_ratings("ratings.csv").rating                           # doctest: +SKIP
        array([5., 6., 2.])
    """
    where = named(path)
    names, records = read_table(path, most=MAX_BYTES)
    _check_columns(names, NEEDED, ("rater",), HEADER, where)
    known: dict[str, bytes] = {}  # each id once, however many rows have it
    columns: list[list[bytes]] = [[], [], []]
    values: list[int] = []
    first: dict[tuple[bytes, ...], int] = {}
    for line, record in records:
        at = f"{where}, line {line}"
        row = tuple(
            known.setdefault(text, text.encode())
            for text in (_id(record, name, at) for name in ("video", "track", "rater"))
        )
        if row[2] and first.setdefault(row, line) != line:
            raise DataError(f"{at}: rater {record['rater']!r} rates track {record['track']!r} with"
                            f" video {record['video']!r} as in line {first[row]}, too; expected"
                            " once")  # fmt: skip
        for column, id_ in zip(columns, row, strict=True):
            column.append(id_)
        values.append(_rating(record["rating"], at))
    if not values:
        raise DataError(f"{where}: the table has no rows; one a rating is expected: {HEADER}")
    video, track, rater = map(_objects, columns)
    return Ratings(video, track, rater, np.array(values, np.float64))


def read_genres(path: str | os.PathLike) -> dict[bytes, str]:
    """Reads the genres of tracks; a track without one is left out.

    Args:
        path: of a table with a header: track and genre. Other columns are left out.

    Raises:
        DataError: the table or a row is malformed, a column is missing or misspelt, a track comes
            twice, a genre holds a line break, or there are no rows.

    Reference:
        Langlois, 2019, figure 3, has 25 of them.
    """
    where = named(path)
    names, records = read_table(path, most=MAX_BYTES)
    _check_columns(names, ("track", "genre"), (), TRACKS_HEADER, where)
    found: dict[bytes, str] = {}
    for line, record in records:
        at = f"{where}, line {line}"
        track, genre = _id(record, "track", at).encode(), record["genre"].strip()
        if track in found:
            raise DataError(f"{at}: track {record['track']!r} comes twice")
        if CONTROL.search(genre):
            raise DataError(f"{at}: genre {genre[:40]!r} holds a line break or another control"
                            " character")  # fmt: skip
        found[track] = genre
    if not found:
        raise DataError(f"{where}: the table has no rows; one a track is expected: {TRACKS_HEADER}")
    return {track: genre for track, genre in found.items() if genre}


def _check_columns(
    names: Sequence[str], needed: Sequence[str], optional: Sequence[str], header: str, where: str
) -> None:
    if not any(names):
        raise DataError(f"{where}: empty; a header and rows are expected: {header}")
    others = [name for name in names if name not in (*needed, *optional)]
    for name in (*needed, *optional):
        if name not in names:
            check_not_misspelt(name, others, f"{where}: column", words=False)
    for name in needed:
        if name not in names:
            there = ", ".join(filter(None, names[:20]))
            raise DataError(f"{where}: no column {name!r}; it has {there}; expected {header}")


def _id(record: Mapping[str, str], name: str, where: str) -> str:
    """Returns an id; a rater need not be named."""
    value = record.get(name, "")
    if not value and name != "rater":
        raise DataError(f"{where}: {name} is empty; expected its id")
    if len(value) > LONGEST_ID or CONTROL.search(value):
        raise DataError(f"{where}: {name} {value[:40]!r} is no id; expected plain text of one line,"
                        f" up to {LONGEST_ID:,} characters")  # fmt: skip
    return value


def _rating(text: str, where: str) -> int:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (LEAST <= value <= MOST and value.is_integer()):
        raise DataError(f"{where}: rating {text[:40]!r}; expected a whole number from {LEAST}"
                        f" (extremely poor fit) to {MOST} (extremely good fit)")  # fmt: skip
    return int(value)


def _objects(values: Sequence[bytes]) -> np.ndarray:
    found = np.empty(len(values), object)
    found[:] = values
    return found
