"""What a report is made of: tables, figures, a headline, and intervals for what they state.

What a system reports stands in that system's own folder; what any report needs stands here.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Bootstrap": ".bootstrap",
        "Column": ".table",
        "Estimate": ".estimate",
        "Figure": ".figure",
        "Headline": ".headline",
        "PairedTest": ".delong",
        "ParsingMonitor": ".parsing_monitor",
        "Report": ".report",
        "RetrievalMonitor": ".monitor",
        "Spread": ".spread",
        "StoredFigure": ".figure",
        "Table": ".table",
        "auc_bootstrap": ".bootstrap",
        "auc_covariance": ".delong",
        "auc_interval": ".delong",
        "auc_intervals_per_group": ".delong",
        "bars": ".charts",
        "curves": ".charts",
        "mean_bootstrap": ".mean_bootstrap",
        "modality_map": ".retrieval_charts",
        "paired_test": ".delong",
        "recall_curves": ".retrieval_charts",
        "reliability": ".charts",
        "roc": ".charts",
        "spread": ".spread",
        "write_projector": ".projector",
    },
)
