"""The local server: versions that roll, batches, health, metrics, TLS and a clean end."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "BatchScheduler": ".batching",
        "Catalogue": ".catalogue",
        "LocalServer": ".local",
        "Model": ".model",
        "ServedGraph": ".graph",
        "VersionManager": ".manager",
    },
)
