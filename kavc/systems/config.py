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

    Example:
        >>> from kavc.systems.registry import get
        >>> config = get("ti-avc").Config(batch_size=32)
        >>> config.replace(epochs=5).batch_size
        32
        >>> config.replace(kernel_size=0)
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: option 'kernel_size' must be at least 1; not 0
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {}}

    @classmethod
    def presets(cls) -> dict[str, Self]:
        """Returns the named configs, "paper" first.

        Example:
            >>> from kavc.systems.registry import get
            >>> list(get("ti-avc").Config.presets())
            ['paper', 'improved']
        """
        return {name: cls(**values) for name, values in cls.PRESETS.items()}

    @classmethod
    def preset(cls, name: str) -> Self:
        """Returns one named config.

        Raises:
            ConfigError: no such preset; names the nearest one.

        Example:
            >>> from kavc.systems.registry import get
            >>> settings = get("ti-avc").Config
            >>> settings.preset("paper").batch_size, settings.preset("improved").batch_size
            (8, 256)
        """
        if name not in cls.PRESETS:
            raise ConfigError(unknown("preset", name, cls.PRESETS))
        return cls(**cls.PRESETS[name])
