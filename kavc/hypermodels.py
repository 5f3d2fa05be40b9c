"""Every system as a KerasTuner hypermodel: `SystemHyperModel("ti-avc", "synthetic:corpus")`."""

from __future__ import annotations

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"SystemHyperModel": "kavc.tuning.hypermodel"})
