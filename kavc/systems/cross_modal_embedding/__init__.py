"""Cross-modal embeddings for retrieval (Surís et al., 2018): which sound fits a silent video?"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CanonicalEmbedding": ".networks",
        "ContrastiveTrainee": ".trainees",
        "CrossModalEmbedding": ".networks",
        "PairTrainee": ".trainees",
        "canonical_branch": ".networks",
        "embedding_branch": ".networks",
    },
)
