"""Themes informed audio-visual correspondence (Su et al., 2020): do sound and frames match?"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Baseline1": ".networks",
        "Baseline2": ".networks",
        "CorrespondenceLearner": ".networks",
        "JointTiAVC": ".networks",
        "ThemeLearner": ".networks",
        "TiAVC": ".networks",
        "TiAVCConfig": ".config",
        "TiAVCSystem": ".system",
        "audio_network": ".subnetworks",
        "fusion_network": ".subnetworks",
        "gather_pairs": ".videos",
        "load_videos": ".videos",
        "on_frozen_embeddings": ".trainees",
        "visual_network": ".subnetworks",
    },
)
