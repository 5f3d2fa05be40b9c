"""Export: a network's signatures as a SavedModel version that TensorFlow Serving loads.

A version is written whole or not at all, holds stock ops alone, and carries its model card.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "check_version": ".check",
        "export": ".savedmodel",
        "export_run": ".run",
        "model_card": ".card",
        "next_version": ".savedmodel",
        "weights_fingerprint": "..layers.fingerprint",
        "write_preset": ".preset",
    },
)
