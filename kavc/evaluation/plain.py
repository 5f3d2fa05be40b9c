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
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DataError(
            f"{kind} name {name!r}, expected up to 80 of a-z, 0-9, '-' and '_', as a file's name"
        )
    return name


def to_json_number(value: Any) -> Any:
    """Returns `value` with NaN as None and infinity as "inf" or "-inf", which JSON can't hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def from_json_number(value: Any) -> float | int:
    """Returns the number that `to_json_number` gave; None comes back as NaN.

    Raises:
        DataError: it is no number.
    """
    if value is None:
        return math.nan
    if value in ("inf", "-inf") or (isinstance(value, int | float) and not isinstance(value, bool)):
        return float(value) if isinstance(value, str) else value
    raise DataError(f"{value!r} is not a number")
