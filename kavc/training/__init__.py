"""From a system and data to a run folder: fits that survive being killed, and tables of runs."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Run": ".run",
        "add_to_index": ".index",
        "build_index": ".index",
        "from_preset": ".run",
        "load_run": ".run",
        "remove_from_index": ".index",
        "reproduce": ".reproduction",
        "retrieve": ".index",
        "train": ".fit",
    },
)
