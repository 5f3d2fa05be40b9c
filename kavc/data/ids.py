"""Ids as text. An id is bytes, and ids are compared as they are."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable


def shown(id_: bytes) -> str:
    r"""Returns an id as text; bytes that are no UTF-8 as backslash escapes.

    >>> print(shown("caf\u00e9".encode()), shown(b"caf\xe9"))
    café caf\xe9
    """
    return id_.decode(errors="backslashreplace")


def spelling_hint(missing: Iterable[str], there: Container[str]) -> str:
    r"""Returns what to add to a message about names that are not there.

    An accented letter is one code point or two (NFC and NFD), which look the same; some file
    systems and editors turn one into the other.

    Args:
        missing: names that are not among those that are.
        there: those that are.

    Returns:
        A clause on the first of `missing` that is there in the other form; nothing if none is.

    >>> spelling_hint(["a", "caf\u00e9"], ["cafe\u0301"])
    "; 'caf\\xe9' is there as 'cafe\\u0301', in another Unicode form: spell both alike"
    """
    for name in missing:
        for form in ("NFC", "NFD"):
            other = unicodedata.normalize(form, name)
            if other != name and other in there:
                return (
                    f"; {name!a} is there as {other!a}, in another Unicode form: spell both alike"
                )
    return ""
