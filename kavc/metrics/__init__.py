"""Exact evaluations of the papers as functions of NumPy arrays, and Keras metrics where they help.

Progress while training is shown by `keras.metrics`; what a report states is computed here, exactly.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "LabelRelevance": ".relevance",
        "MatchRanks": ".retrieval",
        "ParsingMetrics": ".parsing",
        "ParsingThreshold": ".parsing_threshold",
        "RandomGalleries": ".random_galleries",
        "ReliabilityBins": ".calibration",
        "Threshold": ".calibration",
        "blocked_scores": ".retrieval",
        "brier_score": ".calibration",
        "chance_reciprocal_rank": ".reciprocal_rank",
        "check_binary": ".binary",
        "class_counts": ".parsing",
        "class_scores": ".parsing",
        "event_scores": ".parsing",
        "exclusive": ".parsing",
        "expected_calibration_error": ".calibration",
        "fit_parsing_threshold": ".parsing_threshold",
        "fit_temperature": ".calibration",
        "fit_threshold": ".calibration",
        "label_relevance": ".relevance",
        "localization_chance": ".localization",
        "localization_scores": ".localization",
        "localize": ".localization",
        "log_loss": ".calibration",
        "match_ranks": ".retrieval",
        "parsing_metrics": ".parsing",
        "predictions": ".parsing",
        "published_recall_at": ".retrieval",
        "rank_scores": ".retrieval",
        "reciprocal_ranks": ".reciprocal_rank",
        "reliability_bins": ".calibration",
        "roc_auc": ".auc",
        "roc_auc_per_group": ".auc",
        "segment_scores": ".parsing",
        "window_costs": ".localization",
    },
)
