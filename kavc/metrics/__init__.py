"""Exact evaluations of the papers as functions of NumPy arrays, and Keras metrics where they help.

Progress while training is shown by `keras.metrics`; what a report states is computed here, exactly.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "LabelRelevance": ".relevance",
        "MatchRanks": ".retrieval",
        "RandomGalleries": ".random_galleries",
        "ReliabilityBins": ".calibration",
        "Threshold": ".calibration",
        "blocked_scores": ".retrieval",
        "brier_score": ".calibration",
        "check_binary": ".binary",
        "expected_calibration_error": ".calibration",
        "fit_temperature": ".calibration",
        "fit_threshold": ".calibration",
        "label_relevance": ".relevance",
        "log_loss": ".calibration",
        "match_ranks": ".retrieval",
        "published_recall_at": ".retrieval",
        "rank_scores": ".retrieval",
        "reliability_bins": ".calibration",
        "roc_auc": ".auc",
        "roc_auc_per_group": ".auc",
    },
)
