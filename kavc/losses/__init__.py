"""Keras losses and the functions they are made of, one file a family."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "batch_mean": ".reduction",
        "canonical_correlation_loss": ".canonical",
        "class_term": ".pairs",
        "cosine_pair_loss": ".pairs",
        "cross_modal_grounding_loss": ".grounding",
        "distance": ".variational",
        "distance_pair_loss": ".pairs",
        "gaussian_kl": ".variational",
        "gaussian_wasserstein": ".variational",
        "info_nce": ".contrastive",
        "modality_cross_entropy": ".parsing",
        "multilabel_cross_entropy": ".pairs",
        "multimodal_grounding_loss": ".grounding",
        "pair_error": ".variational",
        "parsing_losses": ".parsing",
        "probability_cross_entropy": ".parsing",
        "segment_contrastive_loss": ".contrastive",
        "smooth_labels": ".parsing",
        "unimodal_grounding_loss": ".grounding",
    },
)
