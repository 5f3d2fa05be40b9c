"""A user's table of videos: their ids, labels and splits, and what else is to be kept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kavc.data import splits as split_files
from kavc.data.splits import SPLITS
from kavc.errors import DataError
from kavc.inputs.columns import check_names, check_not_misspelt, plain
from kavc.inputs.table import read_table

MAX_BYTES = 256 * 2**20
BETWEEN = "|"  # of the labels of one video
# What people call splits, by which a column of them is known whatever its own name is.
SPLIT_NAMES = {*SPLITS, "training", "val", "valid", "dev", "eval", "testing"}


@dataclass(frozen=True)
class Row:
    """One video of a table.

    Args:
        id: names its arrays.
        labels: names, or indices as text; one where the table has themes.
        split: "train", "validation" or "test"; None where the table has no splits.
        kept: column to text.
        where: names the row in messages.
    """

    id: str
    where: str
    labels: tuple[str, ...] = ()
    split: str | None = None
    kept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Videos:
    """The videos of a table, in its order.

    Args:
        rows: at least one.
        labelled: whether the table has a column of labels or themes.
    """

    rows: Sequence[Row]
    labelled: bool = False


def read_videos(path: str | os.PathLike, keep: Iterable[str] = ()) -> Videos:
    """Reads a CSV of videos.

    Args:
        path: of a table with a header. "id" names the arrays; "theme" is one label, "labels" are
            any, with | between them, names or, in every row, indices from 0; "split" is train,
            validation or test. Case and space do not count in these words nor in the values of
            split. Other columns are left out.
        keep: names of other columns that are kept, as text.

    Raises:
        DataError: the table or a row is malformed; two columns have one name, or one is nearly
            called "split"; an id is not a plain file name or comes twice; a label holds a
            line break.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        ...     text = "id,labels,split,licence", "v1,Dog|Cat,test,CC0"
        ...     _ = Path(file.name).write_text(chr(10).join(text))
        ...     (row,) = read_videos(file.name, keep=["licence"]).rows
        >>> row.labels, row.split, row.kept
        (('Dog', 'Cat'), 'test', {'licence': 'CC0'})
    """
    path = Path(path)
    keep = [plain(name) for name in keep]
    names, records = read_table(path, needed=("id", *keep), most=MAX_BYTES)
    check_not_misspelt("split", names, f"{path}: column", words=True)
    if {"theme", "labels"} <= set(names):
        raise DataError(f"{path}: columns theme and labels both name classes; remove one")
    for name in {"id", "theme", "labels", "split"} & set(keep):
        raise DataError(f"{path}: column {name!r} has a meaning of its own and is not kept as text")
    rows: dict[str, Row] = {}
    values: dict[str, set[str]] = {}
    for line, record in records:
        row = _row(record, keep, f"{path}, line {line}")
        if row.id in rows:
            raise DataError(f"{row.where}: id {row.id!r} comes twice")
        rows[row.id] = row
        for name, value in record.items():
            values.setdefault(name, set()).add(plain(value))
    if not rows:
        raise DataError(f"{path}: the table has no rows")
    _check_no_other_split(values, keep, path)
    return Videos(list(rows.values()), bool({"theme", "labels"} & set(names)))


def check_id(id_: str, where: str) -> None:
    """Raises unless an id is a plain file name.

    Raises:
        DataError: it is empty, hidden, or leads elsewhere.

    Example:
        >>> check_id("dog-1", "videos.csv, line 2")
        >>> check_id("../dog", "videos.csv, line 2")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: videos.csv, line 2: id '../dog' is not a plain file name
    """
    if not id_ or id_.startswith(".") or any(sign in id_ for sign in "/\\\0"):
        raise DataError(f"{where}: id {id_!r} is not a plain file name")


def class_names(rows: Sequence[Row]) -> list[str]:
    """Returns the names of the classes, by index.

    Names are sorted; indices, if all labels are such, stand for themselves, from 0 to the largest.

    Raises:
        DataError: an index is far larger than there are videos, or is written with zeros.

    Example:
        >>> class_names([Row("v1", "", ("Dog", "Cat")), Row("v2", "", ("Dog",))])
        ['Cat', 'Dog']
        >>> class_names([Row("v1", "", ("0",)), Row("v2", "", ("2",)), Row("v3", "", ("0",))])
        ['0', '1', '2']
    """
    labels = {label for row in rows for label in row.labels}
    if not all(label.isascii() and label.isdigit() for label in labels):
        return sorted(labels)
    largest = max((int(label) for label in labels), default=-1)
    if largest >= max(len(rows), 2 * len(labels)):
        raise DataError(f"label index {largest} in a table of {len(rows)} videos: indices start"
                        " at 0 and leave no gaps as large as that")  # fmt: skip
    names = [str(index) for index in range(largest + 1)]
    if labels - set(names):
        raise DataError(f"label index {min(labels - set(names))!r}: write it without zeros")
    return names


def _row(record: Mapping[str, str], keep: Sequence[str], where: str) -> Row:
    id_ = record["id"]
    check_id(id_, where)
    labels: tuple[str, ...] = ()
    if "theme" in record:
        labels = (record["theme"].strip(),)
        if not labels[0]:
            raise DataError(f"{where}: id {id_!r} has no theme")
    elif "labels" in record:
        named = [label.strip() for label in record["labels"].split(BETWEEN)]
        labels = tuple(dict.fromkeys(filter(None, named)))
    check_names(list(labels), where)
    split = record.get("split")
    if split is not None:
        split = plain(split)
        try:
            split_files.check_name(split)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
    return Row(id_, where, labels, split, {name: record[name] for name in keep})


def _check_no_other_split(values: Mapping[str, set[str]], keep: Sequence[str], path: Path) -> None:
    """Refuses a table without "split" in which another column holds nothing but such names."""
    for name, found in values.items() if "split" not in values else ():
        if name not in ("id", "theme", "labels", *keep) and found <= SPLIT_NAMES:
            raise DataError(
                f"{path}: column {name!r} holds names of splits and is not read; call it split, "
                "with train, validation and test, or remove it"
            )
