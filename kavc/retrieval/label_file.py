"""Labels in a file: UTF-8, a line an item, in the order of the ids; tabs between the names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from kavc.errors import DataError
from kavc.inputs.opening import read_bytes
from kavc.retrieval.checks import MAX_ID_BYTES, MAX_LABELS, check_labels

BETWEEN = "\t"


def joined(names: Sequence[str]) -> str:
    r"""Returns the names of an item's labels as one text: what a line holds.

    >>> joined(("dog", "street")), joined(())
    ('dog\tstreet', '')
    """
    return BETWEEN.join(names)


def split(text: str) -> tuple[str, ...]:
    r"""Returns the names that `joined` put together.

    >>> split("dog\tstreet"), split("")
    (('dog', 'street'), ())
    """
    return tuple(text.split(BETWEEN)) if text else ()


def write_labels(path: Path, labels: Iterable[Sequence[str]]) -> None:
    """Writes labels that `check_labels` took."""
    path.write_bytes("".join(f"{joined(names)}\n" for names in labels).encode())


def read_labels(path: Path, count: int) -> list[tuple[str, ...]]:
    """Reads the labels of as many items as there are to be.

    Raises:
        DataError: there are more or fewer lines, or a name is unfit.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_labels(Path(folder, "labels.txt"), [("dog", "street"), ()])
        ...     read_labels(Path(folder, "labels.txt"), 2)
        [('dog', 'street'), ()]
    """
    content = read_bytes(path, most=count * MAX_LABELS * (MAX_ID_BYTES + 1))
    if (lines := content.count(b"\n")) != count:
        raise DataError(f"{path}: labels of {lines} items for {count} vectors")
    try:
        return check_labels(map(split, content.decode().split("\n")[:-1]))
    except ValueError as error:  # DataError, too
        raise DataError(f"{path}: {error}") from None
