"""Keras audio-visual correspondence: five published systems that relate what is seen and heard.

TensorFlow and Keras load with the first name that needs them, not with `import kavc`.
"""

from kavc.lazy import attach
from kavc.quiet import quieten

quieten()

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Run": ".training.run",
        "data": ".data",
        "errors": ".errors",
        "evaluate": ".training.evaluate",
        "evaluation": ".evaluation",
        "export": ".export",
        "export_run": ".export.run",
        "extraction": ".extraction",
        "from_preset": ".training.run",
        "hypermodels": ".hypermodels",
        "layers": ".layers",
        "load_run": ".training.run",
        "losses": ".losses",
        "media": ".media",
        "metrics": ".metrics",
        "presets": ".presets",
        "retrieval": ".retrieval",
        "serving": ".serving",
        "systems": ".systems",
        "train": ".training.fit",
        "training": ".training",
        "tuning": ".tuning",
    },
)
