"""What ratings from 1 to 7 say: how far raters agree, and which genres fit which videos.

Figures 2 and 3 of Langlois, 2019, and the measures of agreement that the paper does not give.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from kavc.data.comparisons.ratings import Ratings
from kavc.errors import DataError
from kavc.evaluation.headline import Headline
from kavc.evaluation.report import Report
from kavc.evaluation.table import Column, Table
from kavc.metrics.agreement import Agreement, icc, krippendorff_alpha, split_half
from kavc.systems.music_match.genre_profiles import genre_parts

DRAWS = 100  # splits of the split half
MOST_CELLS = 2**24  # of the table of pairs by ratings: 128 MiB, and some copies of it

INDEPENDENT = (
    "An item is a video with a track. ICC, alpha and split half treat items as independent and"
    " raters as exchangeable"
)
AS_THEY_ARE = (
    "Raters who rate high or low throughout count as disagreement; centring takes that off"
)
CENTRED = (
    "Each rater's mean was taken from the rater's ratings, and the mean of all added: calibration"
    " between raters no longer counts, nor does what a rater's own choice of videos brings"
)


def rating_report(
    ratings: Ratings,
    genres: Mapping[bytes, str],
    *,
    title: str,
    source: str,
    centre: bool = False,
    seed: int = 0,
) -> Report:
    """Reports agreement, genres, clusters of videos, and Figures 2 and 3.

    Args:
        ratings: as they were read.
        genres: track to genre; of tracks that it lacks only agreement is told. May be empty.
        title: of the report.
        source: where the ratings come from, for tables and figures.
        centre: whether each rater's mean is taken off first.
        seed: of the split halves and of the videos that are drawn where there are too many.

    Returns:
        Report, whose headline is ICC(1,k).

    Raises:
        DataError: `centre`, and a rating names no rater; or one pair has so many ratings that the
            table would not fit into memory.

    Example:
        ratings = read_ratings("ratings.csv")
        report = rating_report(ratings, {}, title="Ratings", source="ratings.csv", centre=True)
        report.headline.value  # ICC(1,k)
    """
    used = centred(ratings) if centre else ratings
    table = by_pair(used)
    coefficients = icc(table)
    k = coefficients.raters
    found = {
        "ICC(1,1)": (coefficients.single, "reliability of one rating"),
        "ICC(1,k)": (coefficients.average, f"reliability of the mean of k = {k:.4g} ratings"),
        "alpha, ordinal": (krippendorff_alpha(table, "ordinal"), "Krippendorff's"),
        "alpha, interval": (krippendorff_alpha(table, "interval"), "Krippendorff's"),
        "split half": (
            split_half(table, seed, DRAWS),
            f"of the mean, by Spearman and Brown; {DRAWS} splits",
        ),
    }
    scale = "1 to 7, raters centred" if centre else "1 to 7"
    tables, figures, notes, arrays = genre_parts(
        used, genres, source=source, seed=seed, scale=scale
    )
    return Report(
        title,
        Headline("ICC(1,k)", coefficients.average.value, "max"),
        [_counts(ratings, genres, table, source), _agreement(found, source), *tables],
        figures,
        [INDEPENDENT, CENTRED if centre else AS_THEY_ARE, *ratings.notes(), *notes],
        arrays,
    )


def centred(ratings: Ratings) -> Ratings:
    """Returns ratings with each rater's mean taken off and the mean of all added.

    Raises:
        DataError: a rating names no rater.

    Example:
        >>> names = (np.array([b"a", b"b"] * 2, object), np.array([b"x"] * 4, object))
        >>> raters = np.array([b"high", b"high", b"low", b"low"], object)
        >>> centred(Ratings(*names, raters, np.array([6.0, 7.0, 1.0, 2.0]))).rating.tolist()
        [3.5, 4.5, 3.5, 4.5]
    """
    unnamed = int((ratings.rater == b"").sum())
    if unnamed:
        raise DataError(f"{unnamed:,} of {len(ratings):,} ratings name no rater; to centre raters,"
                        " give each rating its rater, or leave them as they are")  # fmt: skip
    _, rater_of = np.unique(ratings.rater, return_inverse=True)
    means = np.bincount(rater_of, ratings.rating) / np.bincount(rater_of)
    values = ratings.rating - means[rater_of] + ratings.rating.mean()
    return dataclasses.replace(ratings, rating=values)


def by_pair(ratings: Ratings) -> np.ndarray:
    """Returns the ratings of each video and track, NaN where a pair has fewer than another.

    Returns:
        `(pairs, most ratings of a pair) float64`; columns are no raters.

    Raises:
        DataError: it would not fit into memory.

    Example:
        >>> video, track = np.array([b"a", b"a", b"b"], object), np.array([b"x"] * 3, object)
        >>> by_pair(Ratings(video, track, video, np.array([3.0, 4.0, 7.0]))).tolist()
        [[3.0, 4.0], [7.0, nan]]
    """
    _, video_of = np.unique(ratings.video, return_inverse=True)
    tracks, track_of = np.unique(ratings.track, return_inverse=True)
    _, pair_of, counts = np.unique(
        video_of * len(tracks) + track_of, return_inverse=True, return_counts=True
    )
    shape = len(counts), int(counts.max())
    if shape[0] * shape[1] > MOST_CELLS:
        raise DataError(f"{shape[0]:,} pairs, one of them with {shape[1]:,} ratings: too many for a"
                        " table of pairs by ratings; give fewer of that pair")  # fmt: skip
    order = np.argsort(pair_of, kind="stable")
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full(shape, np.nan)
    table[pair_of[order], place] = ratings.rating[order]
    return table


def _counts(ratings: Ratings, genres: Mapping[bytes, str], table: np.ndarray, source: str) -> Table:
    per_pair = (~np.isnan(table)).sum(axis=1)
    tracks = set(ratings.track.tolist())
    rows = [
        ("videos", len(set(ratings.video.tolist()))),
        ("tracks", len(tracks)),
        ("genres of these", len({genres[track] for track in tracks if track in genres})),
        ("videos with a track", len(table)),
        ("ratings", len(ratings)),
        ("raters", len(set(ratings.rater.tolist()) - {b""})),
        ("fewest ratings of a video with a track", int(per_pair.min())),
        ("most ratings of a video with a track", int(per_pair.max())),
    ]
    columns = [Column("of"), Column("count", ",d")]
    return Table("counts", columns, rows, "What was rated", source)


def _agreement(found: Mapping[str, tuple[Agreement, str]], source: str) -> Table:
    columns = [Column("measure"), Column("value", ".3f"), Column("items", ",d"), Column("what")]
    rows = [
        (name, one.value, one.items, f"undefined: {one.reason}" if one.reason else what)
        for name, (one, what) in found.items()
    ]
    return Table("agreement", columns, rows, "How far raters agree", source)
