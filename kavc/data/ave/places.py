"""Where the files of an AVE folder lie."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kavc.errors import DataError

PLACES = ("", "data")  # below the folder of a source


def find(path: Path, name: str) -> Path | None:
    """Returns a file of an AVE folder; None if it isn't there.

    Raises:
        DataError: it is in two places.
    """
    found = [file for file in _places(path, name) if file.exists() or file.is_symlink()]
    if len(found) > 1:
        raise DataError(f"ave:{path}: {name} is in {' and in '.join(str(f.parent) for f in found)};"
                        " remove or rename one")  # fmt: skip
    return found[0] if found else None


def need(path: Path, name: str, what: str) -> Path:
    """Returns a file of an AVE folder that must be there.

    Args:
        path: the folder.
        name: of the file.
        what: it holds, and where it is to be had, for the message.

    Raises:
        DataError: it is in no place, or in two.
    """
    found = find(path, name)
    if found is None:
        raise missing(path, [name], what)
    return found


def missing(path: Path, names: Iterable[str], what: str) -> DataError:
    """Returns the error that files, any of which would do, are not there.

    >>> print(missing(Path("AVE"), ["labels.h5"], "take it from the AVE repository"))
    ave:AVE: no labels.h5, looked for in AVE or AVE/data; take it from the AVE repository
    """
    places = " or ".join(str(place.parent) for place in _places(path, "file"))
    return DataError(f"ave:{path}: no {' or '.join(names)}, looked for in {places}; {what}")


def _places(path: Path, name: str) -> list[Path]:
    return [path / place / name for place in PLACES]
