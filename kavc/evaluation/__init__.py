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
        "ExactTest": ".proportions",
        "Figure": ".figure",
        "Headline": ".headline",
        "IntervalSizes": ".proportions",
        "Made": ".made",
        "McNemar": ".proportions",
        "PairedTest": ".delong",
        "ParsingMonitor": ".parsing_monitor",
        "Report": ".report",
        "RetrievalMonitor": ".monitor",
        "Spread": ".spreads",
        "StageCurves": ".training_charts",
        "StoredFigure": ".figure",
        "Table": ".table",
        "auc_bootstrap": ".bootstrap",
        "auc_covariance": ".delong",
        "auc_interval": ".delong",
        "auc_intervals_per_group": ".delong",
        "bars": ".charts",
        "binomial_test": ".proportions",
        "clustered_heatmap": ".clustered_charts",
        "curves": ".training_charts",
        "mcnemar": ".proportions",
        "dots": ".dot_charts",
        "mean_bootstrap": ".mean_intervals",
        "modality_map": ".retrieval_charts",
        "normal_interval": ".proportions",
        "paired_test": ".delong",
        "recall_curves": ".retrieval_charts",
        "reliability": ".charts",
        "roc": ".charts",
        "sizes_of_interval": ".proportions",
        "spread": ".spreads",
        "wilson_interval": ".proportions",
        "write_projector": ".projector",
    },
)
