"""Tables in CSV files of others."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from kavc.errors import DataError
from kavc.inputs.columns import columns
from kavc.inputs.opening import UTF_16, Path, named, open_file

Records = Iterator[tuple[int, dict[str, str]]]
LONGEST = 2**20  # characters of a line; of a field csv takes 2**17


def read_table(path: Path, *, needed: Iterable[str] = (), most: int) -> tuple[list[str], Records]:
    """Reads the header of a table; its rows as they are asked for.

    Args:
        path: of a CSV with a header, UTF-8, with or without a byte order mark.
        needed: names of columns that must be there, small.
        most: bytes that the file may have.

    Returns:
        The names of the columns, as `kavc.inputs.columns.columns` has them, and (line, row by
        column) of each row.

    Raises:
        DataError: the file is missing, no regular file, too large or no CSV, a column is missing
            or comes twice; also while rows are read: one has another number of columns than the
            header, or is no CSV.

    Reference:
        RFC 4180, read strictly: of quotes, and of rows that are not as long as the header.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w+", suffix=".csv") as file:
        ...     _ = file.write("ID,Theme{0}v1,Dog{0}".format(chr(10))), file.flush()
        ...     names, rows = read_table(file.name, needed=["id"], most=2**20)
        ...     names, list(rows)
        (['id', 'theme'], [(2, {'id': 'v1', 'theme': 'Dog'})])
    """
    where = named(path)
    lines = _lines(path, most, where)
    names = columns(next(lines, (0, []))[1], where)
    for name in needed:
        if name not in names:
            there = ", ".join(filter(None, names[:20]))
            raise DataError(f"{where}: no column {name!r}; it has {there or 'none'}")
    return names, _records(lines, names, where)


def _records(lines: Iterator[tuple[int, list[str]]], names: list[str], where: str) -> Records:
    for line, values in lines:
        if len(values) != len(names):
            raise DataError(f"{where}, line {line}: the row has another number of columns than the"
                            f" header: {len(values)} rather than {len(names)}")  # fmt: skip
        yield line, dict(zip(names, values, strict=True))


def _lines(path: Path, most: int, where: str) -> Iterator[tuple[int, list[str]]]:
    with open_file(path, most=most) as stream:
        reader = csv.reader(_text(stream), strict=True)
        try:
            yield from ((reader.line_num, values) for values in reader if values)
        except DataError:
            raise
        except (csv.Error, OSError, ValueError) as fault:
            raise DataError(f"{where}: not readable as CSV ({fault})") from None


def _text(stream: BinaryIO) -> Iterator[str]:
    if stream.read(2) in UTF_16:
        raise ValueError("text in UTF-16; save it as UTF-8")
    stream.seek(0)
    with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        while line := text.readline(LONGEST):
            if len(line) == LONGEST and not line.endswith(("\n", "\r")):
                raise ValueError(f"a line of more than {LONGEST:,} characters")
            if "\0" in line:
                raise ValueError("it holds zero bytes")
            yield line
