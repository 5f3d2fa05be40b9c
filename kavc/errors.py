"""The package's exceptions, and the words with which they point at the nearest known name.

A message says what was wrong, where, what was expected and what to do, in one line. The command
line prints it without a traceback and exits with the exception's `exit_code`.
"""

from __future__ import annotations

import difflib
import errno
import unicodedata
from collections.abc import Iterable, Iterator

from kavc.texts import listed, quoted


class KavcError(Exception):
    """Base of every error that this package raises on purpose."""

    exit_code = 1


class DataError(KavcError, ValueError):
    """Input data is missing, damaged or of another shape than was declared.

    >>> try:
    ...     raise DataError("clips.csv, line 3: no id")
    ... except KavcError as error:
    ...     print(error, error.exit_code)
    clips.csv, line 3: no id 2
    """

    exit_code = 2


class ConfigError(KavcError, ValueError):
    """An option, preset, system or run folder does not exist or does not fit the rest.

    >>> ConfigError("option 'dim' must be at least 1; not 0").exit_code
    2
    """

    exit_code = 2


class ExportError(KavcError):
    """A network can't be exported: its target exists, or its graph holds a refused op."""

    exit_code = 2


# Refusals of what was asked for, which its user has to say anew: a name, a version, values.
WRONG_REQUESTS = ("INVALID_ARGUMENT", "NOT_FOUND", "OUT_OF_RANGE")


class ServingError(KavcError):
    """A server can't be started or reached, or it refused a request.

    Its exit code is 2 where the request is to blame, and 1 where the server or the network is.

    Args:
        message: str.
        code: optional str. Name of the gRPC status code, as in `grpc.StatusCode`.

    Example:
        >>> ServingError("no such model", "NOT_FOUND").exit_code
        2
        >>> ServingError("no answer within 2 s", "DEADLINE_EXCEEDED").exit_code
        1
    """

    def __init__(self, message: str, code: str | None = None):
        super().__init__(message)
        self.code = code
        self.exit_code = 2 if code in WRONG_REQUESTS else 1


# What the system says of a path that its user has to choose anew, not of a machine that fails.
WRONG_PATHS = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
WRONG_PATH_CODES = (  # of those that have no exception of their own
    errno.EILSEQ,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOTEMPTY,
    errno.EROFS,
    errno.EXDEV,
)


def is_wrong_path(error: OSError) -> bool:
    """Returns whether another path would have been right, as for a read-only file system.

    >>> is_wrong_path(OSError(errno.EROFS, "no")), is_wrong_path(OSError(errno.ENOSPC, "full"))
    (True, False)
    """
    return isinstance(error, WRONG_PATHS) or error.errno in WRONG_PATH_CODES


MOST_KNOWN = 12  # names that are listed beside the nearest one
LONGEST = 200  # characters of a name that is compared with others
MOST_PAIRS = 5_000_000  # of characters that are compared, a tenth of a microsecond each


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Returns the sentence for a name that does not exist, with the nearest one that does.

    Names are printable and cut (`kavc.texts`), and at most 200 are listed. A name of more than 200
    characters is compared with none.

    >>> unknown("system", "ti_avc", ["ti-avc"])
    "unknown system 'ti_avc'; did you mean 'ti-avc'? Known: ti-avc"
    """
    known = sorted(known)
    comparable = list(_comparable(name, known))
    for other in comparable:
        if unicodedata.normalize("NFC", other) == unicodedata.normalize("NFC", name):
            return f"unknown {kind} {name!a}; known in another Unicode form, {other!a}"
    near = difflib.get_close_matches(name, comparable, 1) if comparable else []
    hint = f"; did you mean {quoted(near[0])}?" if near else "."
    if near and len(known) > MOST_KNOWN:
        return f"unknown {kind} {quoted(name)}{hint}"
    return f"unknown {kind} {quoted(name)}{hint} Known: {listed(known)}"


def _comparable(name: str, known: Iterable[str]) -> Iterator[str]:
    """Yields the names with which one is compared in less than a second."""
    pairs = 0
    for other in known:
        size = len(name) * len(other)
        if max(len(name), len(other)) <= LONGEST and pairs + size <= MOST_PAIRS:
            pairs += size
            yield other
