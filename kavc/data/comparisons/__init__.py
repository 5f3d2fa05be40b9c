"""Comparisons and ratings: how well tracks fit a video."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, {"Ratings": ".ratings", "read_genres": ".ratings", "read_ratings": ".ratings"}
)
