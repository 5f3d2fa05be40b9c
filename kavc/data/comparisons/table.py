"""The table of judgements, `triples.csv`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kavc.data import splits as split_files
from kavc.data.features.table import SPLIT_NAMES
from kavc.errors import DataError
from kavc.inputs.columns import CONTROL, check_not_misspelt, plain
from kavc.inputs.opening import named
from kavc.inputs.table import read_table

NAME = "triples.csv"
MAX_BYTES = 256 * 2**20
NEEDED = ("video", "track_a", "track_b", "answer")
OPTIONAL = ("rater", "split")
ANSWERS = ("a", "b")
BETWEEN, AGAIN = "|", "#"  # of the parts of an id, and before the number of a repetition
LONGEST_ID = 1024  # characters of a video's, a track's or a rater's


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Judgements: of one video and two tracks, a rater says which track fits better.

    Args:
        ids: (n,) object, bytes: VIDEO|TRACK_A|TRACK_B, with |RATER where there is one; what comes
            again without a rater has #2, #3 behind it. No two are the same.
        video, track_a, track_b: (n,) object, bytes.
        rater: (n,) object, bytes; empty where none is named.
        answer: (n,) int32. 0 where a is preferred, 1 where b is.
        split: (n,) object, names of splits; None where the table has none.
        lines: (n,) int64, lines of the file, for messages.

    Reference:
        Langlois, 2019, section 2.2.

    Example:
        >>> columns = (texts([word]) for word in ("v1|a|b", "v1", "a", "b", ""))
        >>> table = Comparisons(*columns, np.array([0], np.int32), None, np.array([2]))
        >>> table.tracks().tolist()
        [[b'a', b'b']]
    """

    ids: np.ndarray
    video: np.ndarray
    track_a: np.ndarray
    track_b: np.ndarray
    rater: np.ndarray
    answer: np.ndarray
    split: np.ndarray | None
    lines: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def tracks(self) -> np.ndarray:
        """Returns both tracks of each judgement: (n, 2) object."""
        return np.stack([self.track_a, self.track_b], axis=1)


class _Row(NamedTuple):
    video: str
    track_a: str
    track_b: str
    rater: str
    answer: int
    split: str | None
    line: int


def read_comparisons(path: str | os.PathLike) -> Comparisons:
    """Reads a CSV of judgements.

    Args:
        path: of a table with a header: video, track_a, track_b; answer, which is a or b; and
            optionally rater and split, which is train, validation or test. Case and space do not
            count in these words. Other columns are left out.

    Raises:
        DataError: the table or a row is malformed, a column is missing or misspelt, an id is empty
            or no plain text, an answer or split is unknown, a track is compared with itself, a
            rater judges the same twice, or there are no rows.

    Reference:
        Langlois, 2019, section 2.2, of the question.

    Example:
        >>> read_comparisons("triples.csv").answer                      # doctest: +SKIP
        array([0, 1, 1], dtype=int32)
    """
    path = Path(path)
    where = named(path)
    names, records = read_table(path, most=MAX_BYTES)
    _check_columns(names, where)
    rows = list(_rows(records, where))
    if not rows:
        raise DataError(f"{where}: the table has no rows; one a judgement is expected:"
                        f" {_header()}")  # fmt: skip
    return Comparisons(
        ids=_ids(rows, where),
        video=texts(row.video for row in rows),
        track_a=texts(row.track_a for row in rows),
        track_b=texts(row.track_b for row in rows),
        rater=texts(row.rater for row in rows),
        answer=np.array([row.answer for row in rows], np.int32),
        split=np.array([row.split for row in rows], object) if "split" in names else None,
        lines=np.array([row.line for row in rows], np.int64),
    )


def check_text(name: str, value: str, where: str) -> str:
    """Returns an id of a video, a track or a rater, if it is one.

    Raises:
        DataError: it is empty, too long, or holds | or a control character.

    Example:
        >>> check_text("video", "v1", "triples.csv, line 2")
        'v1'
        >>> check_text("video", "v|1", "line 3")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: line 3: video 'v|1' is no id; expected plain text of one line...
    """
    if not value:
        raise DataError(f"{where}: {name} is empty; expected its id")
    if CONTROL.search(value) or BETWEEN in value or len(value) > LONGEST_ID:
        what = f"longer than {LONGEST_ID:,} characters" if len(value) > LONGEST_ID else "no id"
        raise DataError(f"{where}: {name} {value[:40]!r} is {what}; expected plain text of one line"
                        f" without {BETWEEN}")  # fmt: skip
    return value


def texts(values: Iterable[str]) -> np.ndarray:
    """Returns text as (n,) object, bytes.

    >>> texts(["v1", "m1"]).tolist()
    [b'v1', b'm1']
    """
    return np.array([value.encode() for value in values], object)


def _header() -> str:
    return ",".join(NEEDED) + "".join(f"[,{name}]" for name in OPTIONAL)


def _check_columns(names: Sequence[str], where: str) -> None:
    others = [name for name in names if name not in (*NEEDED, *OPTIONAL)]
    for name in (*NEEDED, *OPTIONAL):
        if name not in names:
            check_not_misspelt(name, others, f"{where}: column", words=name == "split")
    for name in NEEDED:
        if name not in names:
            there = ", ".join(filter(None, names[:20]))
            raise DataError(f"{where}: no column {name!r}; it has {there or 'none'}; expected"
                            f" {_header()}")  # fmt: skip


def _rows(records: Iterator[tuple[int, dict[str, str]]], where: str) -> Iterator[_Row]:
    suspects: dict[str, bool] | None = None  # columns that hold nothing but names of splits
    for line, record in records:
        yield _row(record, line, f"{where}, line {line}")
        if "split" in record:
            continue
        if suspects is None:
            suspects = {name: True for name in record if name not in (*NEEDED, *OPTIONAL)}
        for name in suspects:
            suspects[name] &= plain(record[name]) in SPLIT_NAMES
    for name, only in (suspects or {}).items():
        if only:
            raise DataError(f"{where}: column {name!r} holds names of splits and is not read; call"
                            " it split, with train, validation and test, or remove it")  # fmt: skip


def _row(record: Mapping[str, str], line: int, where: str) -> _Row:
    for name in NEEDED[:3]:
        check_text(name, record[name], where)
    rater = record.get("rater", "")
    if rater:
        check_text("rater", rater, where)
    answer, split = plain(record["answer"]), record.get("split")
    if answer not in ANSWERS:
        raise DataError(f"{where}: answer {record['answer'][:40]!r}; expected a or b, the track"
                        " that fits better")  # fmt: skip
    if record["track_a"] == record["track_b"]:
        raise DataError(f"{where}: track {record['track_a']!r} is compared with itself; expected"
                        " two tracks")  # fmt: skip
    if split is not None:
        split = plain(split)
        if split not in split_files.SPLITS:
            expected = ", ".join(split_files.SPLITS)
            raise DataError(f"{where}: split {record['split'][:40]!r}; expected one of {expected}")
    video, a, b = (record[name] for name in NEEDED[:3])
    return _Row(video, a, b, rater, ANSWERS.index(answer), split, line)


def _ids(rows: Sequence[_Row], where: str) -> np.ndarray:
    """Returns the ids of judgements; a repetition by nobody in particular gets a number."""
    first: dict[str, int] = {}
    counts: dict[str, int] = {}
    ids = []
    for row in rows:
        parts = (row.video, row.track_a, row.track_b, *([row.rater] if row.rater else []))
        id_ = BETWEEN.join(parts)
        counts[id_] = counts.get(id_, 0) + 1
        if counts[id_] > 1 and not row.rater:
            id_ = f"{id_}{AGAIN}{counts[id_]}"
        if id_ in first:
            who = f"rater {row.rater!r} judges" if row.rater else "a judgement has the id of"
            raise DataError(f"{where}, line {row.line}: {who} what line {first[id_]} has, too"
                            f" ({id_}); expected once")  # fmt: skip
        first[id_] = row.line
        ids.append(id_)
    return texts(ids)
