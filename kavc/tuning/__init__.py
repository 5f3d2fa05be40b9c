"""Sweeps over a system's options with KerasTuner: killed or not, they end with the same trials."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Importance": ".importance",
        "Listener": ".tuner",
        "Sweep": ".sweep",
        "SweepSettings": ".settings",
        "SweepTuner": ".tuner",
        "SystemHyperModel": ".hypermodel",
        "Trial": ".trial",
        "importance_of": ".importance",
        "make_oracle": ".oracles",
        "run_sweep": ".run",
        "space_of": ".space",
        "train_winner": ".winner",
        "write_report": ".report",
    },
)
