"""Trained networks that ship with the package: `SYSTEM/NAME/`, each a run folder in small."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"folder": ".folders", "names": ".folders"})
