"""The package's own JSON files: objects whose entries have the types that a class declares."""

from __future__ import annotations

import dataclasses
import reprlib
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from kavc.errors import DataError, KavcError

T = TypeVar("T")
SHORT = reprlib.Repr()
SHORT.maxlevel = 1
WORDS = {
    bool: "true or false",
    dict: "names with values",
    float: "a number",
    int: "a whole number",
    list: "a list",
    str: "text",
    type(None): "null",
}


def record(kind: type[T], found: object, where: object, *, error: type[KavcError] = DataError) -> T:
    """Makes a dataclass of a JSON object whose entries are its fields.

    Args:
        kind: a dataclass; its fields' annotations are what `fits` takes.
        found: as it was read.
        where: names the file in messages.
        error: what is raised.

    Raises:
        KavcError: of the kind `error`: an entry is missing that has no default, is none of the
            fields, or has another type; or what the class itself raises.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Part:
        ...     files: list[str]
        ...     seed: int = 0
        >>> record(Part, {"files": ["a.npz"]}, "part.json")
        Part(files=['a.npz'], seed=0)
        >>> record(Part, {"files": "a.npz"}, "part.json")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: part.json: 'files' is 'a.npz'; expected a list, each text,
    """
    fields = dataclasses.fields(typing.cast(Any, kind))
    hints = typing.get_type_hints(kind)
    there = mapping(found, where, error=error)
    if extra := sorted(set(there) - set(hints)):
        raise error(f"{where}: {extra[0]!r} is none of its entries, which are {', '.join(hints)}")
    optional = {
        field.name
        for field in fields
        if dataclasses.MISSING is not field.default
        or dataclasses.MISSING is not field.default_factory
    }
    wanted = {f.name: hints[f.name] for f in fields if f.name in there or f.name not in optional}
    return kind(**entries(there, wanted, where, error=error))


def entries(
    found: object,
    wanted: Mapping[str, Any],
    where: object,
    *,
    error: type[KavcError] = DataError,
) -> dict[str, Any]:
    """Returns some entries of a JSON object, each of its type.

    Args:
        found: as it was read; what is not wanted is left out.
        wanted: name to type, as `fits` takes it. One that may be None may be missing.
        where, error: as of `record`.

    Raises:
        KavcError: of the kind `error`; names the entry and what is expected.

    Example:
        >>> entries({"kind": "llp", "more": 1}, {"kind": str, "seed": int | None}, "corpus.json")
        {'kind': 'llp', 'seed': None}
    """
    there = mapping(found, where, error=error)
    for name, kind in wanted.items():
        if name not in there and not fits(None, kind):
            raise error(f"{where}: no {name!r}; expected {words(kind)}")
        if not fits(there.get(name), kind):
            raise error(f"{where}: {name!r} is {shown(there[name])}; expected {words(kind)}")
    return {name: there.get(name) for name in wanted}


def mapping(
    found: object, where: object, *, error: type[KavcError] = DataError
) -> Mapping[str, Any]:
    """Returns what was read if it is a JSON object. Args and errors are those of `record`.

    >>> mapping([1, 2], "corpus.json")
    Traceback (most recent call last):
        ...
    kavc.errors.DataError: corpus.json: [1, 2]; expected an object
    """
    if not isinstance(found, Mapping):
        raise error(f"{where}: {shown(found)}; expected an object")
    return found


def fits(value: object, kind: Any) -> bool:
    """Returns whether a value of JSON has a type; a whole number is a float, true is no number.

    Args:
        value: as it was read.
        kind: bool, int, float, str, None, Any; a union of these; a list or sequence, or a dict or
            mapping of text to them.

    >>> fits([1, 2.5], list[float]), fits(True, int), fits({"a": None}, dict[str, int | None])
    (True, False, True)
    """
    origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if kind is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if origin in (list, Sequence):
        return isinstance(value, list) and all(fits(each, *(inner or [Any])) for each in value)
    if origin in (dict, Mapping):
        each_kind = inner[1] if inner else Any
        return isinstance(value, dict) and all(fits(each, each_kind) for each in value.values())
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, int | float)
    return value is None if kind is None else isinstance(value, kind)


def words(kind: Any) -> str:
    """Returns the words for a type, as `fits` takes it.

    >>> words(dict[str, int]), words(str | None)
    ('names, each with a whole number,', 'text or null')
    """
    origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(words(each) for each in inner)
    if origin in (list, Sequence):
        return f"a list, each {words(inner[0])}," if inner and inner[0] is not Any else WORDS[list]
    if origin in (dict, Mapping):
        of = inner[1] if inner else Any
        return WORDS[dict] if of is Any else f"names, each with {words(of)},"
    return WORDS.get(kind, "a value")


def shown(value: object) -> str:
    """Returns a value of JSON for a message: short, in one line.

    >>> shown([1]), shown({"a": [1]}), shown("a" * 100)
    ('[1]', "{'a': [...]}", "'aaaaaaaaaaaa...aaaaaaaaaaaaa'")
    """
    return SHORT.repr(value)
