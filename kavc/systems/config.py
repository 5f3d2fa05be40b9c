"""Base of the systems' configs: options with presets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from kavc.errors import ConfigError, unknown
from kavc.options import Options


@dataclasses.dataclass(frozen=True)
class Config(Options):
    """Base of every system's config.

    A subclass declares its fields with `kavc.options.option` and its presets in `PRESETS`, each a
    dict of what differs from the defaults; the first one is the paper's and differs in nothing.

    Raises:
        ConfigError: a value is of the wrong type, not finite, no choice or out of range.
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {}}

    @classmethod
    def presets(cls) -> dict[str, Self]:
        """Returns the named configs, "paper" first."""
        return {name: cls(**values) for name, values in cls.PRESETS.items()}

    @classmethod
    def preset(cls, name: str) -> Self:
        """Returns one named config.

        Raises:
            ConfigError: no such preset; names the nearest one.
        """
        if name not in cls.PRESETS:
            raise ConfigError(unknown("preset", name, cls.PRESETS))
        return cls(**cls.PRESETS[name])
