"""Videos by the genres that fit them: mean ratings, clusters of videos, Figures 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kavc.data.comparisons.ratings import Ratings
from kavc.data.ids import shown
from kavc.errors import DataError
from kavc.evaluation.clustered_charts import clustered_heatmap
from kavc.evaluation.figure import Figure
from kavc.evaluation.table import Column, Table
from kavc.metrics.clustering import Clustering, cluster, profile_correlation

MOST_GENRES, MOST_CELLS = 2000, 2**24  # of a table of videos by genres
SHOWN = 100  # videos of a figure, as many as the paper's Figure 3 has
CLUSTERS = 4
EXAMPLES = 3  # videos named of each cluster

Parts = tuple[list[Table], list[Figure], list[str], dict[str, np.ndarray]]


@dataclass(frozen=True, eq=False)
class GenreProfiles:
    """Mean ratings of videos with the tracks of each genre.

    Args:
        videos: `(videos,) object`, bytes, sorted.
        genres: names, sorted.
        means: `(videos, genres) float64`; NaN where no track of the genre was rated.

    Reference:
        Langlois, 2019, figure 3.

    Example:
        >>> means = np.array([[1.0, 5.0], [4.0, np.nan]])
        >>> profiles = GenreProfiles(np.array([b"a", b"b"], object), ["folk", "rock"], means)
        >>> profiles.take(np.array([1])).videos.tolist()
        [b'b']
    """

    videos: np.ndarray
    genres: list[str]
    means: np.ndarray

    def take(self, rows: np.ndarray) -> GenreProfiles:
        """Returns some videos of these."""
        return GenreProfiles(self.videos[rows], self.genres, self.means[rows])


def genre_profiles(ratings: Ratings, genres: Mapping[bytes, str]) -> GenreProfiles:
    """Returns the mean rating of each video and genre, over raters and the genre's tracks.

    Args:
        ratings: of which those of tracks without genre are left out; their videos stay.
        genres: track to genre.

    Raises:
        DataError: genres are too many.

    Reference:
        Langlois, 2019, figures 2 and 3.

    Example:
        >>> video, track = np.array([b"a", b"a"], object), np.array([b"x", b"y"], object)
        >>> ratings = Ratings(video, track, np.array([b"", b""], object), np.array([2.0, 5.0]))
        >>> profiles = genre_profiles(ratings, {b"x": "folk", b"y": "folk"})
        >>> profiles.genres, profiles.means.tolist()
        (['folk'], [[3.5]])
    """
    videos, video_of = np.unique(ratings.video, return_inverse=True)
    names, genre_of = _genre_of(ratings, genres)
    if len(names) > MOST_GENRES or len(videos) * len(names) > MOST_CELLS:
        raise DataError(
            f"{len(names):,} genres of {len(videos):,} videos: more than a table of them can have; "
            "give tracks fewer genres"
        )
    known = genre_of >= 0
    cell = video_of[known] * len(names) + genre_of[known]
    size = len(videos) * len(names)
    sums = np.bincount(cell, ratings.rating[known], size)
    counts = np.bincount(cell, minlength=size)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return GenreProfiles(videos, names, means.reshape(len(videos), len(names)))


def genre_parts(
    ratings: Ratings,
    genres: Mapping[bytes, str],
    *,
    source: str,
    seed: int,
    scale: str = "1 to 7",
) -> Parts:
    """Returns the tables, figures, notes and arrays that a report of ratings has of genres.

    Args:
        ratings, genres, source, seed: as of `rating_report`.
        scale: of the ratings, in words.

    Reference:
        Langlois, 2019, figures 2 and 3.
    """
    names, genre_of = _genre_of(ratings, genres)
    if not names:
        return [], [], ["No rated track has a genre: agreement alone can be told"], {}
    profiles = genre_profiles(ratings, genres)
    arrays = {
        "profiles": profiles.means,
        "videos": np.array([shown(video) for video in profiles.videos]),
        "genres": np.array(names),
    }
    notes = _dropped(ratings, genre_of)
    complete = ~np.isnan(profiles.means).any(axis=1)
    if not complete.all():
        notes.append(f"{(~complete).sum():,} of {len(complete):,} videos were not rated with every"
                     " genre and are in no cluster")  # fmt: skip
    tables = [_genre_table(ratings, names, genre_of, scale, source)]
    rows = np.flatnonzero(complete)
    if len(rows) < 2 or len(names) < 2:
        notes.append(f"{len(rows)} videos with {len(names)} genres each: too few to correlate")
        return tables, [], notes, arrays
    if len(rows) > SHOWN:
        notes.append(f"Clusters and figures are of {SHOWN} videos, drawn from {len(rows):,}")
        rows = np.sort(np.random.default_rng(seed).choice(rows, SHOWN, replace=False))
    drawn = profiles.take(rows)
    tree = cluster(drawn.means)
    if tree.constant.any():
        first = shown(drawn.videos[int(tree.constant.argmax())])
        notes.append(f"{tree.constant.sum()} videos fit all genres alike, as {first!r}: such a"
                     " profile has no correlation, and r = 0 was taken")  # fmt: skip
    tables.append(_cluster_table(drawn, tree, source))
    return tables, _figures(drawn, tree, scale, source), notes, arrays


def _genre_of(ratings: Ratings, genres: Mapping[bytes, str]) -> tuple[list[str], np.ndarray]:
    """Names of the genres that were rated, sorted, and each rating's number among them, or -1."""
    tracks, track_of = np.unique(ratings.track, return_inverse=True)
    names = sorted({genres[track] for track in tracks if track in genres})
    number = {name: at for at, name in enumerate(names)}
    of_track = [number[genres[track]] if track in genres else -1 for track in tracks]
    return names, np.array(of_track, np.int64)[track_of]


def _dropped(ratings: Ratings, genre_of: np.ndarray) -> list[str]:
    lost = ratings.track[genre_of < 0]
    if not len(lost):
        return []
    return [f"{len(set(lost.tolist())):,} tracks, with {len(lost):,} ratings, have no genre, as"
            f" {shown(lost[0])!r}: they count for agreement alone"]  # fmt: skip


def _genre_table(
    ratings: Ratings, names: Sequence[str], genre_of: np.ndarray, scale: str, source: str
) -> Table:
    rows = []
    for at, name in enumerate(names):
        chosen = genre_of == at
        values = ratings.rating[chosen]
        spread = float(values.std(ddof=1)) if len(values) > 1 else None
        tracks = len(set(ratings.track[chosen].tolist()))
        rows.append((name, float(values.mean()), spread, tracks, len(values)))
    rows.sort(key=lambda row: -row[1])
    columns = [
        Column("genre"), Column("mean fit", ".2f"), Column("sd", ".2f"), Column("tracks", ",d"),
        Column("ratings", ",d"),
    ]  # fmt: skip
    caption = f"How well each genre fits, over all videos ({scale})"
    return Table("genres", columns, rows, caption, source)


def _cluster_table(profiles: GenreProfiles, tree: Clustering, source: str) -> Table:
    of_video = tree.cut(CLUSTERS)
    usual = profiles.means.mean(axis=0)
    rows = []
    for number in range(of_video.max() + 1):
        members = tree.order[of_video[tree.order] == number]
        means = profiles.means[members].mean(axis=0)
        most, least = int(means.argmax()), int(means.argmin())
        stands_out = int((means - usual).argmax())
        rows.append((
            number + 1, len(members), profiles.genres[most], means[most], profiles.genres[least],
            means[least], profiles.genres[stands_out], means[stands_out] - usual[stands_out],
            ", ".join(shown(video) for video in profiles.videos[members[:EXAMPLES]]),
        ))  # fmt: skip
    columns = [
        Column("cluster", "d"), Column("videos", "d"), Column("fits best"), Column("mean", ".2f"),
        Column("fits worst"), Column("its mean", ".2f"), Column("above the others"),
        Column("by", "+.2f"), Column("such as"),
    ]  # fmt: skip
    caption = "Clusters of videos, from above to below in the figures, and the genres that fit them"
    return Table("clusters", columns, rows, caption, source)


def _figures(profiles: GenreProfiles, tree: Clustering, scale: str, source: str) -> list[Figure]:
    labels = [shown(video) for video in profiles.videos]
    count = f"{len(labels)} videos"
    correlations = clustered_heatmap(
        "correlations", profile_correlation(profiles.means).r, labels, None, rows=tree,
        columns=tree, row_name=count, column_name="the same videos in the same order",
        value_label="correlation r of two videos' genre profiles", limits=(-1, 1), middle=0,
        caption="Correlation between videos' mean ratings over genres (Figure 2). In the order of"
        " a hierarchical clustering, average linkage on 1 - r, whose tree is beside it.",
        source=source,
    )  # fmt: skip
    means = clustered_heatmap(
        "genres", profiles.means, labels, profiles.genres, rows=tree, row_name=count,
        column_name="genre", value_label=f"mean rating of fit ({scale})",
        caption="Mean rating of each video with each genre (Figure 3). Videos in the order of"
        " their clustering, whose tree is beside it.",
        source=source,
    )  # fmt: skip
    return [correlations, means]
