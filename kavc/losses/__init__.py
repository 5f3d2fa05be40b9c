"""Keras losses and the functions they are made of, one file a family."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "batch_mean": ".reduction",
        "class_term": ".pairs",
        "cosine_pair_loss": ".pairs",
        "cross_modal_grounding_loss": ".grounding",
        "info_nce": ".contrastive",
        "modality_cross_entropy": ".parsing",
        "multilabel_cross_entropy": ".pairs",
        "multimodal_grounding_loss": ".grounding",
        "parsing_losses": ".parsing",
        "probability_cross_entropy": ".parsing",
        "segment_contrastive_loss": ".contrastive",
        "smooth_labels": ".parsing",
        "unimodal_grounding_loss": ".grounding",
    },
)
