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
        "Ensemble": ".composed",
        "Grounding": ".trainees",
        "GroundingEncoder": ".encoder",
        "HAN": ".networks",
        "Heads": ".networks",
        "Pretrained": ".composed",
        "Weak": ".trainees",
        "WeakApart": ".trainees",
        "grounding_graph": ".grounding",
        "load_videos": ".videos",
        "refine_labels": ".refinement",
        "truth": ".videos",
    },
)
