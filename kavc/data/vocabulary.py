"""The classes of YouTube-8M: their names and their top-level verticals, by class index."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from kavc.data.source import Source
from kavc.errors import DataError
from kavc.inputs.columns import check_names
from kavc.inputs.table import read_table

NAME = "vocabulary.csv"
URL = "https://research.google.com/youtube8m/csv/2/vocabulary.csv"
MAX_BYTES = 16 * 2**20  # the published one has 4
MAX_CLASSES = 100_000
COLUMNS = ("index", "name", "vertical1")
INDEX = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True)
class Vocabulary:
    """Names and verticals, by class index.

    Args:
        names: the classes' names; "" where the vocabulary has none.
        verticals: each class' "Vertical1", such as "Games"; "(Unknown)" where it has none.

    Reference:
        `vocabulary.csv` of YouTube-8M: Abu-El-Haija et al., 2016.

    Example:
        >>> words = Vocabulary(("Chess", "Cake"), ("Games", "Food & Drink"))
        >>> words.names[1], words.verticals[1]
        ('Cake', 'Food & Drink')
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
        DataError: no such file, larger than 16 MiB, no such columns or one twice, a malformed row,
            a name with a line break, or the indices are not 0 to the number of classes - 1, each
            once.

    Reference:
        Abu-El-Haija et al., 2016.
    """
    path = Path(path)
    try:
        _, rows = read_table(path, needed=COLUMNS, most=MAX_BYTES)
    except DataError as error:
        raise DataError(f"{error}; expected the vocabulary of {URL}") from None
    classes: dict[int, tuple[str, str]] = {}
    for line, row in rows:
        index, name, vertical = _class(row, f"{path}, line {line}")
        if index in classes:
            raise DataError(f"{path}, line {line}: Index {index} comes twice")
        classes[index] = name, vertical
    if not classes or max(classes) != len(classes) - 1:
        raise DataError(
            f"{path}: {len(classes)} classes whose Index goes up to {max(classes, default=None)};"
            " rows are missing: fetch it again"
        )
    names, verticals = zip(*(classes[index] for index in range(len(classes))), strict=True)
    return Vocabulary(names, verticals)


def _class(row: dict[str, str], where: str) -> tuple[int, str, str]:
    index = row["index"]
    if not INDEX.fullmatch(index) or int(index) >= MAX_CLASSES:
        raise DataError(f"{where}: Index {index[:20]!r} is not a class index")
    check_names([row["name"], row["vertical1"]], where)
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
        if os.path.lexists(folder / NAME):  # whatever it is: `read` says what is wrong with it
            return folder / NAME
    raise DataError(f"{source}: no {NAME}; fetch {URL} and put it into {source.path}")
