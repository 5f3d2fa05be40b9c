"""MS-VAE (Zhu et al., 2021): each modality generates the other; where does this sound happen?"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AVAttention": ".localizers",
        "AVENet": ".embeddings",
        "AVFB": ".localizers",
        "AVSDN": ".localizers",
        "CMVAE": ".networks",
        "ConvAVENet": ".convolutional",
        "ConvL3Net": ".convolutional",
        "Correlating": ".trainees",
        "Corresponding": ".trainees",
        "DCCA": ".embeddings",
        "DMRN": ".localizers",
        "Generating": ".trainees",
        "L3Net": ".embeddings",
        "Localizing": ".trainees",
        "MSVAE": ".networks",
        "MSVAEConfig": ".config",
        "MSVAESystem": ".system",
        "Matching": ".trainees",
        "MatchingNetwork": ".embeddings",
        "PublishedGenerating": ".published",
        "TwiceAdam": ".published",
        "load_released": ".released",
        "load_videos": ".videos",
    },
)
