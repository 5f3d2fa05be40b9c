"""The published systems, one folder each, behind one interface (`kavc.systems.base.System`)."""

from kavc.lazy import attach
from kavc.systems.registry import PACKAGES

__getattr__, __dir__, __all__ = attach(
    __name__,
    {name: f".{name}" for name in PACKAGES}
    | {
        "Config": ".config",
        "System": ".base",
        "get": ".registry",
        "names": ".registry",
    },
)
