"""The systems by name. A table of modules, so that listing them loads none of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kavc import keras_settings
from kavc.errors import ConfigError, unknown

if TYPE_CHECKING:
    from kavc.systems.base import System

SYSTEMS = {
    "av-parsing": ("kavc.systems.av_parsing.system", "AVParsingSystem"),
    "cross-modal-embedding": (
        "kavc.systems.cross_modal_embedding.system",
        "CrossModalEmbeddingSystem",
    ),
    "ms-vae": ("kavc.systems.ms_vae.system", "MSVAESystem"),
    "music-match": ("kavc.systems.music_match.system", "MusicMatchSystem"),
    "ti-avc": ("kavc.systems.ti_avc.system", "TiAVCSystem"),
}


# The sub-packages of `kavc.systems` that hold them.
PACKAGES = sorted(module.split(".")[-2] for module, _ in SYSTEMS.values())


def names() -> list[str]:
    """Returns the names of all systems.

    Example:
        >>> names()
        ['av-parsing', 'cross-modal-embedding', 'ms-vae', 'music-match', 'ti-avc']
    """
    return sorted(SYSTEMS)


def get(name: str) -> System:
    """Returns a system by name.

    Raises:
        ConfigError: no such system; names the nearest one. Or Keras has settings under which a
            system would give other numbers, see `kavc.keras_settings`.

    Example:
        >>> get("ti-avc").paper.year
        2020
    """
    if name not in SYSTEMS:
        raise ConfigError(unknown("system", name, SYSTEMS))
    keras_settings.check()
    module, attribute = SYSTEMS[name]
    return getattr(importlib.import_module(module), attribute)()
