from __future__ import annotations

import numpy as np
import pytest

from kavc.data.comparisons.ratings import Ratings
from kavc.errors import DataError
from kavc.evaluation.report import Report
from kavc.metrics.agreement import icc
from kavc.systems.music_match.genre_profiles import genre_profiles
from kavc.systems.music_match.ratings import by_pair, centred, rating_report

SCENES = ("beach", "city")
LIKED = {"beach": "classical", "city": "rock"}
GENRES = ("classical", "jazz", "rock")
WORDS = {"title": "Ratings", "source": "made up"}


def objects(values):
    found = np.empty(len(values), object)
    found[:] = [value.encode() for value in values]
    return found


def ratings_of(rows):
    video, track, rater, rating = zip(*rows, strict=True)
    return Ratings(objects(video), objects(track), objects(rater), np.array(rating, float))


def made(videos=12, raters=5, seed=0):
    """Beaches fit classical music and cities rock; raters rate high or low as they are."""
    random = np.random.default_rng(seed)
    offsets = random.normal(0, 1, 8)
    rows, genres = [], {}
    for v in range(videos):
        scene = SCENES[v % 2]
        for g, genre in enumerate(GENRES):
            for t in range(2):
                track = f"{genre}-{t}"
                genres[track.encode()] = genre
                fit = 6 if LIKED[scene] == genre else 2 + (g == 1)
                for rater in random.choice(8, raters, replace=False):
                    value = fit + offsets[rater] + random.normal(0, 0.5)
                    whole = float(np.clip(np.round(value), 1, 7))
                    rows.append((f"{scene}-{v:02d}", track, f"r{rater}", whole))
    return ratings_of(rows), genres


def test_a_table_of_pairs_has_each_pairs_ratings():
    ratings, _ = made(videos=3)
    kept = np.arange(len(ratings)) % 7 != 0
    ratings = Ratings(
        *(getattr(ratings, name)[kept] for name in ("video", "track", "rater", "rating"))
    )
    table = by_pair(ratings)
    pairs = {}
    for video, track, rating in zip(ratings.video, ratings.track, ratings.rating, strict=True):
        pairs.setdefault((video, track), []).append(rating)
    assert table.shape == (18, max(map(len, pairs.values())))
    for row, pair in zip(table, sorted(pairs), strict=True):
        assert row[~np.isnan(row)].tolist() == pairs[pair]


def test_profiles_are_means_over_raters_and_tracks():
    rows = [("v", "a", "r", 1), ("v", "b", "r", 4), ("v", "b", "s", 7), ("v", "c", "r", 5),
            ("w", "c", "r", 2), ("w", "d", "r", 7)]  # fmt: skip
    found = genre_profiles(ratings_of(rows), {b"a": "x", b"b": "x", b"c": "y", b"unheard": "z"})
    assert found.genres == ["x", "y"] and found.videos.tolist() == [b"v", b"w"]
    np.testing.assert_array_equal(found.means, [[4, 5], [np.nan, 2]])


def test_centring_takes_each_raters_mean_off():
    rows = [
        ("v", "a", "high", 7),
        ("v", "b", "high", 5),
        ("v", "a", "low", 3),
        ("v", "b", "low", 1),
    ]
    found = centred(ratings_of(rows))
    assert found.rating.tolist() == [5, 3, 5, 3]
    assert icc(by_pair(found)).single.value == pytest.approx(1.0)


def test_the_report_tells_agreement_and_clusters():
    ratings, genres = made()
    report = rating_report(ratings, genres, **WORDS)
    agreement = {row["measure"]: row for row in report.table("agreement").to_records()}
    assert list(agreement) == [
        "ICC(1,1)", "ICC(1,k)", "alpha, ordinal", "alpha, interval", "split half"
    ]  # fmt: skip
    assert all(row["items"] == 72 for row in agreement.values())
    assert agreement["ICC(1,k)"]["what"].endswith("k = 5 ratings")
    assert report.headline.name == "ICC(1,k)"
    assert (
        report.headline.value
        == agreement["ICC(1,k)"]["value"]
        == icc(by_pair(ratings)).average.value
    )
    counts = dict(report.table("counts").rows)
    assert (counts["videos"], counts["tracks"], counts["raters"]) == (12, 6, 8)
    assert (counts["ratings"], counts["genres of these"]) == (360, 3)
    clusters = report.table("clusters").to_records()
    assert sum(row["videos"] for row in clusters) == 12
    for row in clusters:
        assert row["fits best"] == LIKED[row["such as"].partition("-")[0]]
    assert [figure.name for figure in report.figures] == ["correlations", "genres"]
    assert report.predictions["profiles"].shape == (12, 3)


def test_genres_stand_by_their_means():
    ratings, genres = made()
    rows = rating_report(ratings, genres, **WORDS).table("genres").to_records()
    means = [row["mean fit"] for row in rows]
    assert means == sorted(means, reverse=True)
    for row in rows:
        chosen = np.array([genres[track] == row["genre"] for track in ratings.track])
        assert row["mean fit"] == pytest.approx(ratings.rating[chosen].mean())
        assert row["sd"] == pytest.approx(ratings.rating[chosen].std(ddof=1))
        assert (row["tracks"], row["ratings"]) == (2, 120)


def test_centred_raters_agree_more():
    ratings, genres = made()
    plain = rating_report(ratings, genres, **WORDS)
    found = rating_report(ratings, genres, **WORDS, centre=True)
    assert found.headline.value > plain.headline.value
    assert found.table("genres").caption.endswith("(1 to 7, raters centred)")
    assert any("Each rater's mean" in note for note in found.notes)
    assert not any("Each rater's mean" in note for note in plain.notes)


def test_it_is_saved_whole(tmp_path):
    ratings, genres = made(videos=4)
    rating_report(ratings, genres, **WORDS).save(tmp_path / "out")
    found = Report.load(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out" / "figures").iterdir()} == {
        "correlations.png", "genres.png"
    }  # fmt: skip
    assert found.predictions["genres"].tolist() == list(GENRES)


def test_without_genres_agreement_is_told():
    report = rating_report(made()[0], {}, **WORDS)
    assert [table.name for table in report.tables] == ["counts", "agreement"]
    assert not report.figures and report.notes[-1].startswith("No rated track has a genre")


def test_one_rating_of_each_pair_is_undefined_and_says_why():
    ratings, genres = made(raters=1)
    report = rating_report(ratings, genres, **WORDS)
    rows = report.table("agreement").to_records()
    assert {row["value"] for row in rows} == {None}
    assert {row["what"] for row in rows} == {"undefined: no item was rated by two raters"}
    assert np.isnan(report.headline.value)
    assert len(report.figures) == 2


def test_what_is_left_out_is_told():
    ratings, genres = made()
    del genres[b"jazz-0"]
    beach = (ratings.video == b"beach-00") & np.array(
        [t.startswith(b"rock") for t in ratings.track]
    )
    rest = Ratings(*(getattr(ratings, n)[~beach] for n in ("video", "track", "rater", "rating")))
    report = rating_report(rest, genres, **WORDS)
    assert any(note.startswith("1 tracks, with 60 ratings, have no genre") for note in report.notes)
    assert any(
        note.startswith("1 of 12 videos were not rated with every genre") for note in report.notes
    )
    assert sum(row["videos"] for row in report.table("clusters").to_records()) == 11


def test_a_video_that_fits_all_genres_alike_is_told():
    rows = [(f"v{v}", track, "r", 4 if v == 1 else 1 + (v + t) % 3)
            for v in range(4) for t, track in enumerate("abc")]  # fmt: skip
    report = rating_report(ratings_of(rows), {b"a": "x", b"b": "y", b"c": "z"}, **WORDS)
    assert any("1 videos fit all genres alike, as 'v1'" in note for note in report.notes)


@pytest.mark.parametrize("genres", [{b"a": "x"}, {b"a": "x", b"b": "y"}])
def test_too_little_to_correlate(genres):
    rows = [("v", "a", "r", 1), ("v", "b", "r", 4), ("v", "a", "s", 2)]
    report = rating_report(ratings_of(rows), genres, **WORDS)
    assert not report.figures and "too few to correlate" in report.notes[-1]


def test_of_many_videos_some_are_drawn():
    ratings, genres = made(videos=104, raters=1)
    report = rating_report(ratings, genres, **WORDS)
    assert any("of 100 videos, drawn from 104" in note for note in report.notes)
    assert sum(row["videos"] for row in report.table("clusters").to_records()) == 100


def test_raters_without_name_cannot_be_centred():
    with pytest.raises(DataError, match="1 of 2 ratings name no rater; to centre"):
        centred(ratings_of([("v", "a", "r", 1), ("v", "b", "", 4)]))


def test_a_table_too_large_for_memory_is_refused(monkeypatch):
    monkeypatch.setattr("kavc.systems.music_match.ratings.MOST_CELLS", 10)
    with pytest.raises(DataError, match="12 pairs, one of them with 5 ratings"):
        by_pair(made(videos=2)[0])
