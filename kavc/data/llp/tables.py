"""LLP's tables: tab separated, a header, nothing quoted."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence

from kavc.errors import DataError
from kavc.inputs.columns import plain
from kavc.inputs.opening import named, read_text

MAX_BYTES = 64 * 2**20


def read_rows(path: str | os.PathLike, names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Reads the rows of a table, one by one.

    Args:
        path: UTF-8, with or without a byte order mark; lines end as they do on any system.
        names: of the columns, in their order.

    Returns:
        Words that name a row in messages, and its values, without space around them.

    Raises:
        DataError: as `kavc.inputs.opening.read_text`; other columns, none, or columns that
            something else than tabs separates.
    """
    file = named(path)
    text = io.StringIO(read_text(path, most=MAX_BYTES), newline=None)
    lines = ((number, line) for number, line in enumerate(text, 1) if line.strip())
    _, first = next(lines, (1, ""))
    _check_header([value.strip() for value in first.split("\t")], names, file)
    for number, line in lines:
        values = [value.strip() for value in line.rstrip("\n").split("\t")]
        where = f"{file}, line {number}"
        if len(values) != len(names):
            found = f"{len(values)} column{'s' * (len(values) != 1)} between tabs"
            raise DataError(f"{where}: {found}, {len(names)} are expected: {', '.join(names)}")
        yield where, values


def _check_header(found: list[str], names: Sequence[str], file: str) -> None:
    if [plain(name) for name in found] == list(names):
        return
    wanted = ", ".join(names)
    where = f"{file}, line 1"
    if len(found) == 1 and len(parts := found[0].split(",")) > 1:
        if [plain(name) for name in parts] == list(names):
            raise DataError(f"{where}: commas between the columns; LLP's tables have tabs, since"
                            " labels hold commas: write it with tabs")  # fmt: skip
    elif len(found) == len(names):
        raise DataError(f"{where}: the columns {', '.join(found)}; {wanted} are expected, as a"
                        " header above the rows")  # fmt: skip
    raise DataError(
        f"{where}: no header of LLP; {len(names)} columns between tabs are expected: {wanted}"
    )
