from __future__ import annotations

import pytest

from kavc.data.comparisons.ratings import read_genres, read_ratings
from kavc.errors import DataError


@pytest.fixture
def table(tmp_path):
    def write(text, name="ratings.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_reads_rows_in_their_order(table):
    found = read_ratings(
        table("Rater, Track ,rating,note,VIDEO\nanna,t1,7,x,v1\nben,t1,1.0,,v1\nanna,t2,4,,v1\n")
    )
    assert len(found) == 3
    assert found.video.tolist() == [b"v1"] * 3
    assert found.track.tolist() == [b"t1", b"t1", b"t2"]
    assert found.rater.tolist() == [b"anna", b"ben", b"anna"]
    assert found.rating.tolist() == [7.0, 1.0, 4.0]
    assert found.video.dtype == object and found.rating.dtype == "float64"


def test_ratings_of_nobody_in_particular_may_repeat(table):
    found = read_ratings(table("video,track,rating\nv,t,3\nv,t,3\n"))
    assert found.rater.tolist() == [b"", b""]
    assert found.notes() == ["2 of 2 ratings name no rater"]


def test_a_rater_with_one_judgement_is_told(table):
    rows = "v,t,3,anna\nv,u,2,anna\nv,t,5,ben\nv,u,5,\n"
    notes = read_ratings(table(f"video,track,rating,rater\n{rows}")).notes()
    assert notes == [
        "1 of 2 raters have one judgement only, as 'ben': whether they rate high or low can't be"
        " told",
        "1 of 4 ratings name no rater",
    ]
    assert read_ratings(table("video,track,rating,rater\nv,t,3,a\nv,u,2,a\n")).notes() == []


@pytest.mark.parametrize("text", ["0", "8", "3.5", "good", "", "nan", "inf", "-1", "1e300"])
def test_a_rating_that_is_none(table, text):
    with pytest.raises(DataError) as caught:
        read_ratings(table(f"video,track,rating\nv,t,3\nv,t,{text}\n"))
    assert str(caught.value).endswith(
        f"ratings.csv, line 3: rating {text!r}; expected a whole number from 1 (extremely poor fit)"
        " to 7 (extremely good fit)"
    )


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "ratings.csv: empty; a header and rows are expected: video,track,rating"),
        ("video,track,rating\n", "has no rows; one a rating is expected"),
        ("video,track,ratng\nv,t,1\n", "column 'ratng' is not read; did you mean 'rating'?"),
        ("video,track,rating,raters\nv,t,1,a\n", "'raters' is not read; did you mean 'rater'?"),
        ("video,track\nv,t\n", "no column 'rating'; it has video, track; expected video,track,rat"),
        ("video,track,rating\nv,,1\n", "line 2: track is empty"),
        ("video,track,rating\n,t,1\n", "line 2: video is empty"),
        ('video,track,rating\n"a\nb",t,1\n', r"video 'a\\nb' is no id"),
        ("video,track,rating\nv,t\n", "another number of columns than the header: 2 rather"),
        (
            "video,track,rating,rater\nv,t,1,ann\nv,u,1,ann\nv,t,2,ann\n",
            "line 4: rater 'ann' rates track 't' with video 'v' as in line 2, too; expected once",
        ),
        ("video,track,rating,Rating\nv,t,1,1\n", "columns 'rating' and 'Rating' are the same"),
    ],
)
def test_refuses_in_one_line(table, text, message):
    with pytest.raises(DataError, match=message) as caught:
        read_ratings(table(text))
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        read_ratings(tmp_path / "none.csv")


def test_genres(table):
    path = table("track,genre,family\nt1,smooth jazz,jazz\nt2,,\nt3, rock ,x\n", "tracks.csv")
    assert read_genres(path) == {b"t1": "smooth jazz", b"t3": "rock"}


@pytest.mark.parametrize(
    "text, message",
    [
        ("track\nt\n", "no column 'genre'; it has track; expected track,genre"),
        ("track,genres\nt,x\n", "did you mean 'genre'"),
        ("track,genre\nt,x\nt,y\n", "line 3: track 't' comes twice"),
        ("track,genre\n", "no rows; one a track"),
        ('track,genre\nt,"a\nb"\n', "holds a line break"),
    ],
)
def test_refuses_genres(table, text, message):
    with pytest.raises(DataError, match=message):
        read_genres(table(text, "tracks.csv"))
