"""Names that people write, of columns, keys and classes.

Of columns and keys, case and space around them do not count.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from kavc.errors import DataError, KavcError

# What ends a line somewhere, moves a terminal's cursor or is no Unicode text.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NEAR = 0.8  # similarity from which a name is taken for a misspelling, as "spilt" of "split"


def plain(name: str) -> str:
    """Returns a name in small letters, without space around it.

    >>> plain(" Video_ID ")
    'video_id'
    """
    return name.strip().lower()


def check_names(names: object, where: object, *, error: type[KavcError] = DataError) -> list[str]:
    """Returns names, as of classes, if each is fit for a line of a file.

    Args:
        names: as they were read; may be empty text.
        where: names what holds them in messages.
        error: what is raised.

    Raises:
        KavcError: of the kind `error`: no list of text, or one holds a line break or another
            control character; in a file of names all that follow it would have another number.

    Example:
        >>> check_names(["Dog", "Church bell"], "classes.txt")
        ['Dog', 'Church bell']
    """
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise error(f"{where} must be a list of names")
    for name in names:
        if CONTROL.search(name):
            raise error(f"{where}: {name!r} holds a line break or another control character")
    return names


def columns(header: Sequence[str] | None, where: object) -> list[str]:
    """Returns the names of a table's columns, each as `plain` has it.

    Args:
        header: as it stands in the table; None of an empty one.
        where: names the table in the message.

    Raises:
        DataError: two columns have the same name; those without any are left alone.

    Example:
        >>> columns(["ID", " Theme", ""], "videos.csv")
        ['id', 'theme', '']
    """
    first: dict[str, str] = {}
    for name in header or ():
        if plain(name) and plain(name) in first:
            raise DataError(f"{where}: columns {first[plain(name)]!r} and {name!r} are the same, as"
                            " case and space do not count; remove or rename one")  # fmt: skip
        first[plain(name)] = name
    return [plain(name) for name in header or ()]


def check_not_misspelt(wanted: str, names: Iterable[str], where: object, *, words: bool) -> None:
    """Raises if an optional name is not there, but one that is nearly it.

    Args:
        wanted: the name, as `plain` has it.
        names: those that there are.
        where: names what has them, in the message.
        words: whether one word of a name, as of "data_split", is enough.

    Raises:
        DataError: there is such a name, which would be left out in silence.

    Example:
        >>> check_not_misspelt("split", ["id", "theme"], "videos.csv: column", words=True)
        >>> check_not_misspelt("split", ["spilt"], "a.csv: column", words=True)
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: a.csv: column 'spilt' is not read; did you mean 'split'? Rename it...
    """
    if wanted in (names := list(names)):
        return
    for name in names:
        candidates = re.split(r"[\W_]+", plain(name)) if words else [plain(name)]
        if difflib.get_close_matches(wanted, candidates, 1, _NEAR):
            raise DataError(f"{where} {name!r} is not read; did you mean {wanted!r}? Rename it, or"
                            " remove it if it means something else")  # fmt: skip
