"""Options as data: frozen dataclasses whose fields say their meaning, choices and source."""

from __future__ import annotations

import dataclasses
import math
import operator
import typing
from typing import Any, Self

from kavc.errors import ConfigError, unknown

LIMIT = 2**63  # of whole numbers: TensorFlow's and the run folder's readers take no larger ones
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def option(
    default: Any,
    meaning: str,
    *,
    choices: tuple = (),
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Declares a field.

    Args:
        default: its value, of a system that in the paper.
        meaning: one line, with the unit and the source in the paper.
        choices: the allowed values, the default's among them.
        low, high: the allowed range, both ends included.

    Example:
        >>> field = option(0.3, "margin of the hinge, 0 to 1", low=0, high=1)
        >>> field.default, field.metadata["high"]
        (0.3, 1)
    """
    metadata = {"meaning": meaning, "choices": choices, "low": low, "high": high}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Options:
    """Base of what can be set: of a system, of an extractor.

    A subclass declares its fields with `option`.

    Raises:
        ConfigError: a value is of the wrong type, not finite, no choice or out of range.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Margin(Options):
        ...     margin: float = option(0.3, "margin of the hinge", low=0, high=1)
        ...     dim: int | None = option(None, "width; none: as in the data", low=1)
        >>> Margin("0.2", dim=64.0)
        Margin(margin=0.2, dim=64)
        >>> Margin(margin=2)
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: option 'margin' must be at most 1; not 2.0
    """

    def __post_init__(self) -> None:
        types = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = _converted(field.name, getattr(self, field.name), types[field.name])
            _check_range(field, value)
            object.__setattr__(self, field.name, value)

    def replace(self, **values: Any) -> Self:
        """Returns a copy with other values; text is converted to the field's type.

        Raises:
            ConfigError: no such field (names the nearest one), or a value that does not fit.

        Example:
            >>> @dataclasses.dataclass(frozen=True)
            ... class Widths(Options):
            ...     dim: int = option(250, "width", low=1)
            >>> Widths().replace(dim="64")
            Widths(dim=64)
            >>> Widths().replace(dims=64)
            Traceback (most recent call last):
                ...
            kavc.errors.ConfigError: unknown option 'dims'; did you mean 'dim'? Known: dim
        """
        known = [field.name for field in dataclasses.fields(self)]
        for name in values:
            if name not in known:
                raise ConfigError(unknown("option", name, known))
        return dataclasses.replace(self, **values)

    @classmethod
    def checked(cls, name: str, value: Any) -> Any:
        """Returns the value of one option, text converted to the option's type.

        Raises:
            ConfigError: no such option (names the nearest one), or a value that does not fit.

        Example:
            >>> @dataclasses.dataclass(frozen=True)
            ... class Widths(Options):
            ...     dim: int | None = option(250, "width", low=1)
            >>> Widths.checked("dim", "64"), Widths.checked("dim", "none")
            (64, None)
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        if name not in fields:
            raise ConfigError(unknown("option", name, fields))
        value = _converted(name, value, typing.get_type_hints(cls)[name])
        _check_range(fields[name], value)
        return value

    @classmethod
    def options(cls) -> list[dict[str, Any]]:
        """Returns what can be set, in the order of the fields, JSON-serialisable.

        Each is a dict of "name", "type" ("bool", "int", "float" or "str"), "optional" (whether
        None, "none" in text, is a value), "default", "choices", "low", "high" and "meaning".

        >>> @dataclasses.dataclass(frozen=True)
        ... class Widths(Options):
        ...     dim: int | None = option(None, "width", low=1)
        >>> [(each["name"], each["type"], each["optional"]) for each in Widths.options()]
        [('dim', 'int', True)]
        """
        types = typing.get_type_hints(cls)
        return [
            {
                "name": field.name,
                "type": _kind(types[field.name])[0].__name__,
                "optional": _kind(types[field.name])[1],
                "default": field.default,
                **field.metadata,
            }
            for field in dataclasses.fields(cls)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns the values by name, JSON-serialisable."""
        return dataclasses.asdict(self)


def parse_overrides(texts: list[str]) -> dict[str, str]:
    """Reads `["k=v", ...]`.

    Raises:
        ConfigError: a text without "=", or a name given twice.

    Example:
        >>> parse_overrides(["margin=0.2", "head = a=b"])
        {'margin': '0.2', 'head': 'a=b'}
    """
    overrides: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"override {text!r} is not of the form name=value")
        if name.strip() in overrides:
            raise ConfigError(f"option {name.strip()!r} is given twice")
        overrides[name.strip()] = value.strip()
    return overrides


def _converted(name: str, value: Any, kind: Any) -> Any:
    """Returns `value` as `kind`: text as on a command line, and whole floats for ints."""
    kind, optional = _kind(kind)
    none = value is None or (isinstance(value, str) and value.lower() in ("none", "null"))
    if optional and none:
        return None
    try:
        if kind is bool:
            return value if isinstance(value, bool) else TRUTH[str(value).lower()]
        if kind is int and not isinstance(value, bool):
            return _bounded(name, _whole(value))
        if kind is float and not isinstance(value, bool):
            return _finite(name, float(value))
        if kind is str and isinstance(value, str):
            return value
    except ConfigError:
        raise
    except (TypeError, ValueError, OverflowError, KeyError):
        pass
    raise ConfigError(f"option {name!r} must be of type {kind.__name__}, not {value!r}")


def _kind(annotation: Any) -> tuple[type, bool]:
    """Returns the type that an annotation names, and whether None will do."""
    members = typing.get_args(annotation) or (annotation,)
    (kind,) = [member for member in members if member is not type(None)]
    return kind, type(None) in members


def _whole(value: Any) -> int:
    """Returns a whole number; text digit by digit, since a float holds no more than 53 bits."""
    try:
        return int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        if float(value) != int(float(value)):
            raise ValueError from None
        return int(float(value))


def _bounded(name: str, value: int) -> int:
    if not -LIMIT <= value < LIMIT:
        raise ConfigError(f"option {name!r} must fit into 64 bits; not {value}")
    return value


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise ConfigError(f"option {name!r} must be a finite number; not {value}")
    return value


def _check_range(field: dataclasses.Field, value: Any) -> None:
    if value is None:
        return
    choices, low, high = (field.metadata[key] for key in ("choices", "low", "high"))
    if choices and value not in choices:
        known = ", ".join(str(choice) for choice in choices)
        raise ConfigError(f"option {field.name!r} must be one of {known}; not {value!r}")
    if low is not None and value < low:
        raise ConfigError(f"option {field.name!r} must be at least {low:g}; not {value!r}")
    if high is not None and value > high:
        raise ConfigError(f"option {field.name!r} must be at most {high:g}; not {value!r}")
