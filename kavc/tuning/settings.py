"""What decides a sweep, from Python, from a YAML file or from the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from kavc.errors import ConfigError, unknown
from kavc.inputs.yaml_files import read_yaml
from kavc.systems.registry import SYSTEMS

TUNERS = ("random", "grid", "bayesian", "hyperband")
TRIALS = 20
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class SweepSettings:
    """What decides a sweep: two with the same settings and data have the same trials.

    Args:
        system: name of the system.
        data: source, as "youtube8m:PATH".
        splits: optional splits file.
        preset: named config of the first trial.
        set: options that differ from the preset in all trials; in the first one, where `space`
            names them.
        tuner: "random", "grid", "bayesian" or "hyperband".
        trials: at most so many. None for all of a grid or of Hyperband's brackets, and for 20 of
            the others.
        seed: of the proposals and of every trial.
        objective: "NAME" or "NAME:min" or "NAME:max", of what the last stage logs. None for the
            system's headline metric on validation.
        space: what is left of the search space, by name (`kavc.tuning.space.parse_limits`).
        patience: epochs without improvement after which a stage stops. None for the stage's own,
            or else a quarter of its epochs.

    Raises:
        ConfigError: an unknown tuner, or a number out of its range.

    Example:
        >>> SweepSettings("ti-avc", "synthetic:corpus", tuner="random").trials
        20
        >>> SweepSettings("ti-avc", "synthetic:corpus", tuner="radnom")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: unknown tuner 'radnom'; did you mean 'random'? Known: ...
    """

    system: str
    data: str
    splits: str | None = None
    preset: str = "paper"
    set: Mapping[str, Any] = field(default_factory=dict)
    tuner: str = "bayesian"
    trials: int | None = None
    seed: int = 0
    objective: str | None = None
    space: Mapping[str, Any] = field(default_factory=dict)
    patience: int | None = None

    def __post_init__(self) -> None:
        for name in ("system", "data", "preset", "tuner"):
            self._check_type(name, str)
        for name in ("splits", "objective"):
            self._check_type(name, str, optional=True)
        for name in ("set", "space"):
            self._check_type(name, Mapping)
            object.__setattr__(self, name, _plain(name, getattr(self, name)))
        if self.tuner not in TUNERS:
            raise ConfigError(unknown("tuner", self.tuner, TUNERS))
        if self.trials is None and self.tuner in ("random", "bayesian"):
            object.__setattr__(self, "trials", TRIALS)
        self._check_number("trials", 1, optional=True)
        self._check_number("patience", 1, optional=True)
        self._check_number("seed", 0, LARGEST_SEED)

    def _check_type(self, name: str, kind: type, optional: bool = False) -> None:
        value = getattr(self, name)
        if isinstance(value, Mapping) and not all(isinstance(key, str) for key in value):
            raise ConfigError(f"{name}: names must be text; got {sorted(map(str, value))}")
        if not isinstance(value, kind) and not (optional and value is None):
            expected = "names with values" if kind is Mapping else "text"
            raise ConfigError(f"{name} must be {expected}; got {value!r}")

    def _check_number(
        self, name: str, low: int, high: int | None = None, *, optional: bool = False
    ) -> None:
        value = getattr(self, name)
        if optional and value is None:
            return
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < low or (high is not None and value > high):
            upper = "" if high is None else f" to {high}"
            raise ConfigError(f"{name} must be a whole number from {low}{upper}; got {value!r}")


def _plain(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values as they come back from a file: lists for tuples, and no dates."""
    try:
        return json.loads(json.dumps(dict(values), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {error}; give numbers, text, lists or low and high") from None


KEYS = tuple(each.name for each in fields(SweepSettings))


def read_settings(path: str | os.PathLike, **changes: Any) -> SweepSettings:
    """Reads a sweep file; the fields of `SweepSettings` are its keys.

    Args:
        path: YAML of plain values, at most 16 KiB.
        changes: fields that override the file's; None leaves it as it is. Those that are mappings
            are laid over the file's.

    Raises:
        DataError: the file is missing, too large or no YAML.
        ConfigError: a key is unknown, or missing, or a value does not fit.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open(f"{folder}/sweep.yaml", "w") as stream:
        ...         print("{system: ti-avc, data: 'synthetic:corpus', trials: 5}", file=stream)
        ...     settings = read_settings(f"{folder}/sweep.yaml", trials=10)
        >>> settings.system, settings.trials
        ('ti-avc', 10)
    """
    found = read_yaml(path)
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: no sweep file; expected keys like system, tuner and space")
    for key in found:
        if key not in KEYS:
            raise ConfigError(f"{path}: {unknown('key', str(key), KEYS)}")
    given = {key: value for key, value in found.items() if value is not None}
    try:
        SweepSettings(**{"system": "", "data": "", **given})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return make_settings(given, **changes)


def make_settings(given: Mapping[str, Any], **changes: Any) -> SweepSettings:
    """Returns settings with some changed, as `read_settings` does with those of a file.

    >>> given = {"system": "ti-avc", "data": "synthetic:corpus", "set": {"units": 64}}
    >>> make_settings(given, set={"dropout": 0.2}).set
    {'units': 64, 'dropout': 0.2}
    """
    merged = dict(given)
    for name, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        if value is not None:
            merged[name] = {**merged[name], **value} if both else value
    system = merged.get("system")
    if isinstance(system, str) and system not in SYSTEMS:
        raise ConfigError(unknown("system", system, SYSTEMS))
    for name in ("system", "data"):
        if name not in merged:
            raise ConfigError(f"a sweep needs its {name}; name it in the command or in the file")
    return SweepSettings(**merged)
