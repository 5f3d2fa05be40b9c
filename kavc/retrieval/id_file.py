"""Ids in a file: UTF-8, one a line, in the order of what they name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kavc.errors import DataError
from kavc.inputs.opening import read_bytes
from kavc.retrieval.checks import MAX_ID_BYTES, check_ids


def write_ids(path: Path, ids: Iterable[str]) -> None:
    """Writes ids that `check_ids` took."""
    path.write_bytes("".join(f"{each}\n" for each in ids).encode())


def read_ids(path: Path, count: int) -> list[str]:
    """Reads as many ids as there are to be.

    Raises:
        DataError: there are more or fewer, or one is unfit or given twice.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_ids(Path(folder, "ids.txt"), ["bark", "meow"])
        ...     read_ids(Path(folder, "ids.txt"), 2)
        ['bark', 'meow']
    """
    content = read_bytes(path, most=count * (MAX_ID_BYTES + 1))
    if (lines := content.count(b"\n")) != count:
        raise DataError(f"{path}: {lines} ids for {count} vectors")
    try:
        return check_ids(content.decode().split("\n")[:-1])
    except ValueError as error:  # DataError, too
        raise DataError(f"{path}: {error}") from None
