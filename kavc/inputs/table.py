"""Tables in CSV files of others."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from kavc.errors import DataError
from kavc.inputs.columns import columns

Records = Iterator[tuple[int, dict[str, str]]]


def read_table(
    path: str | os.PathLike, *, needed: Iterable[str] = (), most: int
) -> tuple[list[str], Records]:
    """Reads the header of a table; its rows as they are asked for.

    Args:
        path: of a CSV with a header, UTF-8.
        needed: names of columns that must be there, small.
        most: bytes that the file may have.

    Returns:
        The names of the columns, as `kavc.inputs.columns.columns` has them, and (line, row by
        column) of each row.

    Raises:
        DataError: the file is missing, too large or no CSV, a column is missing or comes twice;
            also while rows are read: one has another number of columns than the header.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if path.stat().st_size > most:
        raise DataError(f"{path}: larger than {most >> 20} MiB; not read as a table")
    names = columns(next(_lines(path), (0, []))[1], path)
    for name in needed:
        if name not in names:
            raise DataError(f"{path}: no column {name!r}; it has {', '.join(names) or 'none'}")
    return names, _records(path, names)


def _records(path: Path, names: list[str]) -> Records:
    lines = _lines(path)
    next(lines, None)
    for line, values in lines:
        if len(values) != len(names):
            raise DataError(f"{path}, line {line}: the row has another number of columns than the"
                            f" header: {len(values)} rather than {len(names)}")  # fmt: skip
        yield line, dict(zip(names, values, strict=True))


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            yield from ((reader.line_num, values) for values in reader if values)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as CSV ({error})") from None
