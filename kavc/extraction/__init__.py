"""From media files to a corpus of features, and to those of one clip."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Clip": ".clips",
        "Outcome": ".run",
        "WeightFiles": ".weights",
        "extract": ".run",
        "find_clips": ".clips",
    },
)
