"""Keras audio-visual correspondence: five published systems that relate what is seen and heard.

TensorFlow and Keras load with the first name that needs them, not with `import kavc`.
"""

from kavc.lazy import attach

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "data": ".data",
        "errors": ".errors",
        "evaluation": ".evaluation",
        "export": ".export",
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
