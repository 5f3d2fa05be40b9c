"""The systems by name. A table of modules, so that listing them loads none of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kavc.errors import ConfigError, unknown

if TYPE_CHECKING:
    from kavc.systems.base import System

SYSTEMS = {
    "cross-modal-embedding": (
        "kavc.systems.cross_modal_embedding.system",
        "CrossModalEmbeddingSystem",
    ),
    "ti-avc": ("kavc.systems.ti_avc.system", "TiAVCSystem"),
}


def names() -> list[str]:
    """Returns the names of all systems."""
    return sorted(SYSTEMS)


def get(name: str) -> System:
    """Returns a system by name.

    Raises:
        ConfigError: no such system; names the nearest one.
    """
    if name not in SYSTEMS:
        raise ConfigError(unknown("system", name, SYSTEMS))
    module, attribute = SYSTEMS[name]
    return getattr(importlib.import_module(module), attribute)()
