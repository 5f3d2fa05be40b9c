"""Audio-visual video parsing (Lamba et al., 2021): which events are heard or seen, and when?"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AVParsingConfig": ".config",
        "AVParsingSystem": ".system",
        "Adversarial": ".trainees",
        "Base": ".networks",
        "BaseAdvSkip": ".networks",
        "BaseAdvSkipGCAA": ".networks",
        "BaseGCAA": ".networks",
        "HAN": ".networks",
        "Weak": ".trainees",
        "load_videos": ".videos",
        "truth": ".videos",
    },
)
