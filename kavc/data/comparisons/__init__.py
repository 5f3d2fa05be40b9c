"""Comparisons: of one video and two tracks, a rater says which track fits better.

triples.csv   video,track_a,track_b,answer[,rater][,split]     answer is a or b
ratings.csv   video,track,rating[,rater]                       optional; whole numbers from 1 to 7
tracks.csv    track[,genre][,family]                           optional
videos.csv    video[,scene]                                    optional
videos/       a corpus of features, with arrays of the videos, as visual and flow
tracks/       a corpus of features, with arrays of the tracks, as audio
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ComparisonStore": ".store",
        "Comparisons": ".table",
        "MgsvReader": ".mgsv",
        "Ratings": ".ratings",
        "TriplesReader": ".reader",
        "read_comparisons": ".table",
        "read_genres": ".ratings",
        "read_ratings": ".ratings",
    },
)
