"""What a sweep can vary: a system's search space, and what a sweep leaves of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from kavc.errors import ConfigError, unknown
from kavc.systems.base import System
from kavc.systems.config import Config

if TYPE_CHECKING:
    import keras_tuner

KINDS = ("Choice", "Int", "Float", "Boolean", "Fixed")
RANGE = ("low", "high", "step", "sampling")
SAMPLINGS = ("linear", "log", "reverse_log")


@dataclass(frozen=True)
class OneOf:
    """A parameter that takes one of some values.

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> OneOf((32, 64)).ask(hp, "units", default=64), OneOf((32, 64)).ask(hp, "filters", default=8)
    (64, 32)
    """

    values: tuple

    def ask(self, hp: keras_tuner.HyperParameters, name: str, default: Any) -> Any:
        """Asks for the value; `default` counts if it is among them, else the first."""
        if len(self.values) == 1:
            return hp.Fixed(name, self.values[0])
        default = default if default in self.values else self.values[0]
        if isinstance(default, bool):
            return hp.Boolean(name, default=default)
        return hp.Choice(name, list(self.values), default=default)


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included; whole if they are.

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> Range(0.0, 0.5, step=None, sampling="linear").ask(hp, "dropout", default=0.9)
    0.0
    """

    low: float
    high: float
    step: float | None
    sampling: str

    def ask(self, hp: keras_tuner.HyperParameters, name: str, default: Any) -> Any:
        """Asks for the value; `default` counts if it lies in the range, else `low`."""
        kind = hp.Int if isinstance(self.low, int) else hp.Float
        inside = isinstance(default, int | float) and self.low <= default <= self.high
        return kind(
            name,
            self.low,
            self.high,
            step=self.step,
            sampling=self.sampling,
            default=default if inside else self.low,
        )


class Narrowed:
    """`keras_tuner.HyperParameters` as `search_space` sees it under a sweep's `space`.

    Args:
        hp: what is asked in the end.
        limits: name to what is left of a parameter; what is not named is as the system has it.

    Example:
        >>> import keras_tuner
        >>> hp = Narrowed(keras_tuner.HyperParameters(), {"units": OneOf((32,))})
        >>> hp.Choice("units", [64, 128]), hp.Choice("filters", [64, 128])
        (32, 64)
    """

    def __init__(self, hp: keras_tuner.HyperParameters, limits: Mapping[str, OneOf | Range]):
        self._hp = hp
        self._limits = limits

    def __getattr__(self, name: str) -> Any:
        return partial(self._ask, name) if name in KINDS else getattr(self._hp, name)

    def _ask(self, kind: str, name: str, *values: Any, **options: Any) -> Any:
        if name in self._limits:
            return self._limits[name].ask(self._hp, name, options.get("default"))
        return getattr(self._hp, kind)(name, *values, **options)


def parse_limits(config: Config, space: Mapping[str, Any]) -> dict[str, OneOf | Range]:
    """Reads a sweep's `space`.

    Args:
        config: whose options say what values are possible.
        space: name of a parameter to a value that it keeps, a list of choices, or a range
            {"low": ..., "high": ..., "step": ..., "sampling": "linear"}, of which step and
            sampling ("linear", "log" or "reverse_log") may be missing.

    Raises:
        ConfigError: no such option, or a value outside its range.

    Example:
        >>> from kavc.systems.ti_avc.config import TiAVCConfig
        >>> parse_limits(TiAVCConfig(), {"units": [32, 64]})
        {'units': OneOf(values=(32, 64))}
        >>> parse_limits(TiAVCConfig(), {"dropout": {"low": 0.0, "high": 0.5}})["dropout"].sampling
        'linear'
        >>> parse_limits(TiAVCConfig(), {"dropout": 2.0})
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: option 'dropout' must be at most 0.9; not 2.0
    """
    return {name: _limit(config, name, given) for name, given in space.items()}


def _limit(config: Config, name: str, given: Any) -> OneOf | Range:
    if isinstance(given, Mapping):
        return _range(config, name, given)
    values = given if isinstance(given, list | tuple) else [given]
    checked = {config.checked(name, value): None for value in values}
    if not checked or None in checked:
        raise ConfigError(f"space of {name!r}: {given!r}; give a value, choices or low and high")
    numbers = not any(isinstance(value, str) for value in checked)
    return OneOf(tuple(sorted(checked) if numbers else checked))


def _range(config: Config, name: str, given: Mapping[str, Any]) -> Range:
    for key in given:
        if key not in RANGE:
            raise ConfigError(f"space of {name!r}: {unknown('key', str(key), RANGE)}")
    if not {"low", "high"} <= set(given):
        raise ConfigError(f"space of {name!r}: a range needs low and high; got {dict(given)}")
    low, high = (config.checked(name, given[key]) for key in ("low", "high"))
    if isinstance(low, bool) or not isinstance(low, int | float) or high is None:
        raise ConfigError(f"space of {name!r}: a range is for numbers; give a list of choices")
    sampling = given.get("sampling", "linear")
    if sampling not in SAMPLINGS:
        raise ConfigError(f"space of {name!r}: {unknown('sampling', str(sampling), SAMPLINGS)}")
    if not low < high or (sampling != "linear" and low <= 0):
        raise ConfigError(
            f"space of {name!r}: low {low} and high {high}; low must be less, and above 0 where "
            "sampling is not linear"
        )
    return Range(low, high, _step(name, given, type(low), sampling), sampling)


def _step(name: str, given: Mapping[str, Any], kind: type, sampling: str) -> float | None:
    if given.get("step") is None:
        return None
    try:
        step = kind(given["step"])
    except (TypeError, ValueError, OverflowError):
        step = math.nan
    if not (0 if sampling == "linear" else 1) < step < math.inf:
        raise ConfigError(
            f"space of {name!r}: step {given['step']!r}; expected a number above 0, or above 1, "
            "a factor, where sampling is not linear"
        )
    return step


def limits_of(
    system: System, config: Config, space: Mapping[str, Any], fixed: Iterable[str] = ()
) -> dict[str, OneOf | Range]:
    """Returns what a sweep leaves of a system's search space, by name.

    Args:
        system: whose search space it is.
        config: the starting point.
        space: as `parse_limits` takes it.
        fixed: options that keep the config's value where `space` does not name them.

    Raises:
        ConfigError: `space` names what the system doesn't vary (names the nearest), or gives
            values that do not fit.

    Example:
        >>> from kavc.systems.registry import get
        >>> system = get("ti-avc")
        >>> limits_of(system, system.Config(), {"units": [32, 64]}, fixed=["dropout"])
        {'dropout': OneOf(values=(0.0,)), 'units': OneOf(values=(32, 64))}
        >>> limits_of(system, system.Config(), {"seed": [0, 1]})
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: unknown parameter 'seed'. Known: alignment_batch_size, ...
    """
    hp = _nothing_asked()
    system.search_space(hp, config)
    names = [entry.name for entry in hp.space]
    for name in space:
        if name not in names:
            hint = "; fix it by --set" if name in config.to_dict() else ""
            raise ConfigError(f"{unknown('parameter', name, names)}{hint}")
    kept = {name: getattr(config, name) for name in names if name in set(fixed) - set(space)}
    return parse_limits(config, {**kept, **space})


def space_of(
    system: System,
    config: Config,
    space: Mapping[str, Any] | None = None,
    fixed: Iterable[str] = (),
) -> keras_tuner.HyperParameters:
    """Returns what a sweep varies, at its default point.

    All that a search space asks for is known after asking once, whatever was chosen: what makes
    sense only under another choice is asked in a `conditional_scope`, never in an `if`.

    Args:
        system: whose search space it is.
        config: the starting point.
        space, fixed: what the sweep leaves of it, as `limits_of` takes them.

    Raises:
        ConfigError: as `limits_of`; or nothing is left to vary.

    Example:
        space_of(system, system.Config(), {"units": [64, 128], "dropout": 0.2})
    """
    hp = _nothing_asked()
    limits = limits_of(system, config, space or {}, fixed)
    system.search_space(Narrowed(hp, limits), config)
    if count(hp) < 2:
        raise ConfigError("empty space: nothing is left to vary; leave more values to a parameter")
    return hp


def _nothing_asked() -> keras_tuner.HyperParameters:
    import keras_tuner  # TensorFlow; what a sweep file says of a space is read without it

    return keras_tuner.HyperParameters()


def count(hp: keras_tuner.HyperParameters, *, grid: bool = False) -> float:
    """Returns the number of configurations of a space; `math.inf` if a parameter is continuous.

    Args:
        hp: the space.
        grid: count as a grid does, which takes ten values of a continuous parameter.

    Example:
        >>> import keras_tuner
        >>> hp = keras_tuner.HyperParameters()
        >>> hp.Choice("units", [32, 64]), hp.Float("dropout", 0.0, 0.5)
        (32, 0.0)
        >>> count(hp), count(hp, grid=True)
        (inf, 22)
    """
    parents = {condition.name for entry in hp.space for condition in entry.conditions}

    def rest(entries: Sequence[Any], values: dict[str, Any]) -> float:
        if not entries:
            return 1
        first, others = entries[0], entries[1:]
        if not all(condition.is_active(values) for condition in first.conditions):
            return rest(others, values)
        if first.name in parents:
            return sum(rest(others, values | {first.name: value}) for value in first.values)
        return _values(first, grid) * rest(others, values)

    return rest(hp.space, {})


def _values(entry: Any, grid: bool) -> float:
    """Returns the number of values of one parameter."""
    if grid:
        return len({entry.default, *entry.values})
    if not hasattr(entry, "sampling"):
        return len(entry.values)
    if entry.step is not None:
        return len(list(entry.values))
    whole = isinstance(entry.min_value, int)
    return entry.max_value - entry.min_value + 1 if whole else math.inf


def describe(hp: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
    """Returns the parameters of a space as JSON.

    Each has "name", "kind" ("choice", "int", "float", "boolean" or "fixed"), "default", "when" (a
    list of {"name", "values"}, all of which must hold), and "values" or "low", "high", "step"
    and "sampling".

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> _ = hp.Choice("units", [32, 64])
    >>> describe(hp)
    [{'name': 'units', 'kind': 'choice', 'default': 32, 'values': [32, 64], 'when': []}]
    """
    return [_described(entry) for entry in hp.space]


def _described(entry: Any) -> dict[str, Any]:
    found = {"name": entry.name, "kind": type(entry).__name__.lower(), "default": entry.default}
    if hasattr(entry, "sampling"):
        found |= {"low": entry.min_value, "high": entry.max_value}
        found |= {"step": entry.step, "sampling": entry.sampling}
    else:
        found["values"] = list(entry.values)
    when = [{"name": each.name, "values": list(each.values)} for each in entry.conditions]
    return found | {"when": when}
