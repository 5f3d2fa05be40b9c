"""The published systems, one folder each, behind one interface (`kavc.systems.base.System`)."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Config": ".config",
        "System": ".base",
        "get": ".registry",
        "names": ".registry",
        "ti_avc": ".ti_avc",
    },
)
