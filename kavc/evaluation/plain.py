"""Names that are safe as files, and numbers that are safe as JSON."""

from __future__ import annotations

import math
import re
from typing import Any

from kavc.errors import DataError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


def check_name(kind: str, name: Any) -> str:
    """Returns `name` if it can be a file's on any system.

    Raises:
        DataError: it holds anything but lower-case letters, digits, `-` and `_`, or is too long.

    Example:
        >>> check_name("table", "per-theme")
        'per-theme'
        >>> check_name("table", "../per theme")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: table name '../per theme', expected up to 80 of a-z, ...
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DataError(
            f"{kind} name {name!r}, expected up to 80 of a-z, 0-9, '-' and '_', as a file's name"
        )
    return name


def to_json_number(value: Any) -> Any:
    """Returns `value` with NaN as None and infinity as "inf" or "-inf", which JSON can't hold.

    >>> to_json_number(0.5), to_json_number(math.nan), to_json_number(-math.inf)
    (0.5, None, '-inf')
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def from_json_number(value: Any) -> float | int:
    """Returns the number that `to_json_number` gave; None comes back as NaN.

    Raises:
        DataError: it is no number.

    Example:
        >>> from_json_number(0.5), from_json_number(None), from_json_number("-inf")
        (0.5, nan, -inf)
    """
    if value is None:
        return math.nan
    if value in ("inf", "-inf") or (isinstance(value, int | float) and not isinstance(value, bool)):
        return float(value) if isinstance(value, str) else value
    raise DataError(f"{value!r} is not a number")
