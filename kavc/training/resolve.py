"""What a user names, found: a system, its options and its data, before TensorFlow is needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from kavc import keras_settings
from kavc.data.source import Source
from kavc.systems.base import System
from kavc.systems.config import Config
from kavc.systems.registry import get


class Resolved(NamedTuple):
    """What is trained, under which options, on what.

    Args:
        system: the system.
        source: where the data are, with what the splits file says now.
        config: the preset with the overrides; what the data fix is not in it yet.
    """

    system: System
    source: Source
    config: Config


def resolve(
    system: str | System,
    data: str | Source,
    *,
    splits: str | os.PathLike | None = None,
    preset: str = "paper",
    overrides: Mapping[str, Any] | None = None,
) -> Resolved:
    """Returns what names stand for, in a fraction of a second: no features are read.

    Args:
        system: its name, or the system itself.
        data: source, as "youtube8m:PATH".
        splits: optional splits file, when `data` is text.
        preset: named config to begin with.
        overrides: options that differ, by name; text is converted.

    Raises:
        ConfigError: there is no such system, preset or option, or a value doesn't fit.
        DataError: there are no such data or splits, or they are not what they are called.

    Example:
        >>> resolve("ti-avk", "synthetic:corpus")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: unknown system 'ti-avk'; did you mean 'ti-avc'? Known: ...
    """
    keras_settings.check()
    system = get(system) if isinstance(system, str) else system
    config = system.Config.preset(preset).replace(**dict(overrides or {}))
    source = Source.parse(data, splits) if isinstance(data, str) else data
    return Resolved(system, source.settled(), config)
