"""Corpora drawn from known models, in the layouts of the real ones, with their truth beside them.

What a network reaches on them can be set against the best that anything could reach.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "KNOB_SETS": ".kwai_knobs",
        "KwaiKnobs": ".kwai_knobs",
        "KwaiWorld": ".kwai",
        "Truth": ".kwai",
        "bayes": ".bayes",
        "knobs": ".kwai_knobs",
        "kwai": ".kwai",
        "music": ".music",
        "music_fits": ".music_fits",
    },
)
