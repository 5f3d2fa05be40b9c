"""The classes of YouTube-8M: their names and their top-level verticals, by class index."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kavc.data.source import Source
from kavc.errors import DataError
from kavc.inputs.columns import columns

NAME = "vocabulary.csv"
URL = "https://research.google.com/youtube8m/csv/2/vocabulary.csv"
MAX_BYTES = 32 * 2**20
MAX_CLASSES = 100_000


@dataclass(frozen=True)
class Vocabulary:
    """Names and verticals, by class index.

    Args:
        names: the classes' names; "" where the vocabulary has none.
        verticals: each class' "Vertical1", such as "Games"; "(Unknown)" where it has none.
    """

    names: tuple[str, ...]
    verticals: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def read(path: str | os.PathLike) -> Vocabulary:
    """Reads a published vocabulary.csv.

    Rows are joined by their `Index` column, since they don't lie in its order. Case and space
    around the columns' names do not count.

    Raises:
        DataError: no such file, larger than 32 MiB, no such columns or one twice, a malformed row,
            or the indices are not 0 to the number of classes - 1, each once.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path}: larger than {MAX_BYTES >> 20} MiB; not read as a vocabulary")
    classes: dict[int, tuple[str, str]] = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            reader.fieldnames = _header(reader.fieldnames, path)
            for row in reader:
                index, name, vertical = _class(row, f"{path}, line {reader.line_num}")
                if index in classes:
                    raise DataError(f"{path}, line {reader.line_num}: Index {index} comes twice")
                classes[index] = name, vertical
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as CSV ({error})") from None
    if not classes or max(classes) != len(classes) - 1:
        raise DataError(
            f"{path}: {len(classes)} classes whose Index goes up to {max(classes, default=None)};"
            " rows are missing: fetch it again"
        )
    names, verticals = zip(*(classes[index] for index in range(len(classes))), strict=True)
    return Vocabulary(names, verticals)


def _header(header: Sequence[str] | None, path: Path) -> list[str]:
    names = columns(header, path)
    for name in ("Index", "Name", "Vertical1"):
        if name.lower() not in names:
            raise DataError(f"{path}: no column {name!r}; expected the vocabulary of {URL}")
    return names


def _class(row: dict[str, str], where: str) -> tuple[int, str, str]:
    if None in row or None in row.values():
        raise DataError(f"{where}: the row has another number of columns than the header")
    index = row["index"]
    if not (index.isascii() and index.isdigit() and int(index) < MAX_CLASSES):
        raise DataError(f"{where}: Index {index!r} is not a class index")
    return int(index), row["name"], row["vertical1"] or "(Unknown)"


def find(source: Source) -> Path:
    """Returns where the vocabulary of a source lies.

    Looks in the source's folder, beside its splits file, then in the folder above the source's.

    Raises:
        DataError: in none of them; the message says what to fetch and where to put it.
    """
    folders = [source.path, source.path.resolve().parent]
    if source.splits is not None:
        folders.insert(1, source.splits.parent)
    for folder in folders:
        if (folder / NAME).is_file():
            return folder / NAME
    raise DataError(f"{source}: no {NAME}; fetch {URL} and put it into {source.path}")
