"""JSON in files of others: one value of plain types, within limits."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from kavc.errors import DataError, KavcError
from kavc.inputs.opening import Path, decoded, named, read_bytes

MAX_BYTES = 8 * 2**20
WHOLE = range(-(2**63), 2**64)  # what 64 bits hold, with a sign or without
# Numbers that may be beyond it, or beyond floats; or text that looks like them, as a digest.
LARGE = re.compile(rb"[0-9]{19}|[eE]\+?[0-9]{3}")
# What a list or an object counts, since the garbage collector looks at each, and any other value:
# what it takes in memory.
GROUP, VALUE = 640, 64
MOST_TAKEN = 8  # times the bytes that a file may have: a million values of 8 MiB
HALVES = re.compile(rb"\\u[dD][89a-fA-F]")  # halves of a surrogate pair, which may stand alone


def read_json(path: Path, *, most: int = MAX_BYTES, error: type[KavcError] = DataError) -> Any:
    """Reads a JSON file.

    Args:
        path: of the file, UTF-8, with or without a byte order mark.
        most: bytes that it may have. Defaults to 8 MiB.
        error: what is raised.

    Returns:
        Its value. Numbers are finite, whole ones of 64 bits; text is Unicode.

    Raises:
        KavcError: of the kind `error`: as `kavc.inputs.opening.read_bytes`; or it is no JSON, is
            nested too deeply, names a key twice, or holds a number or text beyond these.

    Reference:
        RFC 8259, as `parse_json` reads it.
    """
    content = read_bytes(path, most=most, error=error)
    return parse_json(content, named(path), most=most, error=error)


def parse_json(
    content: bytes, where: str, *, most: int = MAX_BYTES, error: type[KavcError] = DataError
) -> Any:
    """Reads JSON from bytes; `where` names them in messages. The rest is that of `read_json`.

    Reference:
        RFC 8259. Names that come twice are refused, of which its section 4 leaves readers free; a
        byte order mark is skipped, as section 8.1 allows.

    Example:
        >>> parse_json(b'{"epoch": 3, "loss": 0.25}', "history.json")
        {'epoch': 3, 'loss': 0.25}
        >>> parse_json(b'{"epoch": 3, "epoch": 4}', "a.json")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: a.json: not readable as JSON ('epoch' comes twice; list it once)
    """
    try:
        if not content.strip():
            raise ValueError("it is empty")
        _check_size(content, most)
        checks: dict[str, Any] = {"object_pairs_hook": _object, "parse_constant": _no_constant}
        if LARGE.search(content):  # else they would cost several times what the reading does
            checks |= {"parse_int": _whole, "parse_float": _finite}
        value = json.loads(decoded(content), **checks)
        if HALVES.search(content):
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError:
        reason = "nested too deeply"
    except UnicodeEncodeError:
        reason = "text with half a surrogate pair, which is no Unicode"
    except ValueError as fault:
        reason = str(fault)
    raise error(f"{where}: not readable as JSON ({reason})") from None


def _check_size(content: bytes, most: int) -> None:
    """Refuses what would take far more memory than its bytes, and a file that was cut."""
    groups, values = content.count(b"[") + content.count(b"{"), content.count(b",")
    if GROUP * groups + VALUE * values > MOST_TAKEN * most:
        raise ValueError(f"{values:,} values in {groups:,} lists and objects, too many to be read")
    ends = {b"[": b"]", b"{": b"}"}
    first, last = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1], content.rstrip()[-1:]
    if last != ends.get(first, last):
        raise ValueError(f"it is cut: {first.decode()} is not closed by {ends[first].decode()}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):  # the reader would keep the last one, in silence
        names = [name for name, _ in pairs]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise ValueError(f"{twice!r} comes twice; list it once")
    return found


def _whole(text: str) -> int:
    if len(text) > 20 or (number := int(text)) not in WHOLE:
        raise ValueError(f"a whole number of {len(text)} digits, more than 64 bits hold")
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is beyond any number of 64 bits")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
