"""From a system and data to a run folder: fits that survive being killed, and tables of runs."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Run": ".run",
        "load_run": ".run",
        "reproduce": ".reproduce",
        "train": ".fit",
    },
)
