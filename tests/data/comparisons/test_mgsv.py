from pathlib import Path

import numpy as np
import pytest

from kavc.data.comparisons import ComparisonStore
from kavc.data.comparisons.mgsv import MgsvReader, Moment, _within
from kavc.data.features.writer import write_corpus
from kavc.data.layouts import View
from kavc.data.schema import Field
from kavc.data.source import Source
from kavc.data.statistics import statistics
from kavc.errors import DataError

REAL = Path(__file__).parents[3] / "../shared/data/labels"
COLUMNS = "video_id,music_id,video_start,music_start,music_end,music_total_duration"
VIEW = View({"visual": "visual"}, tracks={"audio": "audio"})


def rows(count, *, first=0, songs=None):
    songs = songs or count
    return [f"v{i},s{i % songs},0.0,{i % 3}.5,{i % 3 + 2.5},9.0"
            for i in range(first, first + count)]  # fmt: skip


@pytest.fixture
def mgsv(tmp_path):
    def write(files, *, corpora=True, times=True, hop=None, songs=30):
        folder = tmp_path / "mgsv"
        folder.mkdir()
        for name, lines in files.items():
            (folder / f"mgsv_{name}_data.csv").write_text("\n".join([COLUMNS, *lines]) + "\n")
        if corpora:
            pictures = ({"id": f"v{i}", "visual": np.full((1, 3), i, "f4")} for i in range(60))
            write_corpus(folder / "videos", pictures)
            write_corpus(folder / "tracks", (song(i, times) for i in range(songs)),
                         fields={"audio": Field((None, 2), "float32", "", hop)})  # fmt: skip
        return Source.parse(f"mgsv:{folder}")

    return write


def song(number, times):
    """A song of nine rows, a second each, that tell song and second."""
    told = {"audio_times": np.arange(9, dtype=np.float32)} if times else {}
    rows = np.stack([np.full(9, number), np.arange(9)], axis=1).astype("f4")
    return {"id": f"s{number}", "audio": rows, **told}


def test_the_song_that_was_used_against_another(mgsv):
    source = mgsv({"ec_train": rows(20, songs=15), "ec_val": rows(4, first=20)})
    told = source.describe(VIEW)
    assert told["counts"] == {"train": 20, "validation": 4}
    assert told["widths"] == {"visual": 3, "audio": 2}
    assert told["notes"] == (
        "24 videos, 15 songs, 19 moments of them; a moment has 2.0 s, its song 9.0 s on average",
    )
    chosen = {True: 0, False: 0}
    for judged in source.read("train", VIEW).as_numpy_iterator():
        number = int(judged["video"][1:])
        used, other = (("a", "b"), ("b", "a"))[int(judged["answer"])]
        begin = number % 3 + 0.5
        assert judged[f"track_{used}"] == f"s{number % 15}@{begin}".encode()
        assert judged["id"] == b"|".join(judged[n] for n in ("video", "track_a", "track_b"))
        # Of seconds 0 to 8 those that begin within the moment.
        wanted = [[number % 15, second] for second in range(9) if begin <= second < begin + 2]
        np.testing.assert_array_equal(judged[f"audio_{used}"], wanted)
        assert judged[f"audio_{other}"][0, 0] != number % 15
        assert judged["visual"].tolist() == [[number] * 3]
        chosen[used == "a"] += 1
    assert min(chosen.values()) > 3
    store = ComparisonStore.from_dataset(source.read("train", VIEW), ["visual"], ["audio"])
    assert sorted(np.where(store.answer, store.a, store.b)) == sorted(
        np.where(store.answer, store.b, store.a)
    )  # each moment is once the one that was used, once the other


def test_who_is_set_against_whom_stays_so(mgsv, tmp_path):
    source = mgsv({"x_train": rows(12)}, corpora=False)
    before = source.describe(VIEW)["rosters"]["train"]
    (source.path / "mgsv_x_train_data.csv").write_text("\n".join([COLUMNS, *rows(12)[::-1]]))
    after = source.describe(VIEW)["rosters"]["train"]
    assert sorted(before.ids) == sorted(after.ids)


@pytest.mark.parametrize(("times", "hop", "count"), [(False, 1.0, 2), (False, None, 9)])
def test_rows_of_a_moment_by_hop_or_all(mgsv, times, hop, count):
    source = mgsv({"train": rows(6)}, times=times, hop=hop)
    judged = next(source.read("train", VIEW).as_numpy_iterator())
    assert len(judged["audio_a"]) == len(judged["audio_b"]) == count


def test_moments_that_begin_alike_and_end_elsewhere(mgsv):
    lines = ["v0,s0,0,1.0,3.0,9", "v1,s0,0,1.0,5.0,9", "v2,s1,0,1.0,3.0,9", "v3,s2,0,1.0,3.0,9"]
    source = mgsv({"train": lines})
    used = {judged["video"]: judged[("audio_a", "audio_b")[judged["answer"]]]
            for judged in source.read("train", VIEW).as_numpy_iterator()}  # fmt: skip
    assert [len(used[b"v0"]), len(used[b"v1"])] == [2, 4]
    ids = source.describe(VIEW)["rosters"]["train"].ids
    assert {track for id_ in ids for track in id_.split(b"|")[1:]} == {
        b"s0@1.0-3", b"s0@1.0-5", b"s1@1.0", b"s2@1.0"
    }  # fmt: skip


def test_rows_within_a_moment():
    def within(start, end, seconds=(0.0, 0.96, 1.92)):
        return _within(np.array(seconds, np.float32), Moment("v", "s", start, end, 9, None, "f", 2))

    assert within(0, 9) == (0, 3) and within(0.96, 1.92) == (1, 2)
    assert within(1.0, 1.5) == (1, 2) and within(2.5, 2.8) == (2, 3)  # the row that it lies in
    assert within(5, 6) == (3, 3)  # after the song's rows have ended
    assert within(0, 1, ()) == (0, 0)


@pytest.mark.parametrize("by", ["video", "track", "both"])
def test_without_a_split_the_hash_decides(mgsv, by):
    source = mgsv({"all": rows(900, songs=300)}, corpora=False)
    view = View({}, tracks={"audio": "audio"}, split_by=by)
    told = source.describe(view)
    assert set(told["counts"]) == {"train", "validation", "test"}
    assert told["widths"] == {} and f"by {by}" in told["notes"][1]
    total = sum(told["counts"].values())
    assert (total < 900, "are dropped" in told["notes"][1]) == ((by == "both"),) * 2
    tracks = {split: {track.split(b"@")[0] for id_ in roster.ids for track in id_.split(b"|")[1:]}
              for split, roster in told["rosters"].items()}  # fmt: skip
    assert bool(tracks["train"] & tracks["test"]) == (by == "video")


def test_without_features_it_is_counted(mgsv):
    source = mgsv({"ec_test": rows(20)}, corpora=False)
    told = source.describe(VIEW)
    assert told["counts"] == {"test": 20} and told["widths"] == told["shapes"] == {}
    assert told["classes"] == ("a", "b") and told["rosters"]["test"].heard.all()
    assert told["notes"][1].startswith("all are for test, as the file's name says")
    assert [note.split(";")[0] for note in told["notes"][2:]] == [
        "no features: no corpus in videos/", "no features: no corpus in tracks/"
    ]  # fmt: skip
    made = "kavc extract CLIPS --for music-match --only visual,flow --out"
    assert told["notes"][2].endswith(f"{made} {source.path}/videos")
    assert statistics(source, view=VIEW) == []
    with pytest.raises(DataError, match=r"no corpus of features in videos/ .*: kavc extract CLIPS"):
        source.read("test", VIEW)


def test_songs_that_a_corpus_lacks(mgsv):
    source = mgsv({"train": rows(6)}, songs=4)
    with pytest.raises(DataError, match=r"line \d: track 's\d' is not in tracks/; 2 of 6 are not"):
        source.describe(VIEW)


def test_of_several_files_the_pattern_is_named(mgsv):
    source = mgsv({"train": rows(6), "val": rows(6, first=6)}, songs=4)
    with pytest.raises(DataError, match=r"mgsv_\*_data.csv, line \d: track 's\d+' is not in trac"):
        source.describe(VIEW)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "the table has no rows"),
        (["v0,s0,0,1,2"], "another number of columns"),
        (["v0,s0,0,3,2,9"], "line 2: music_end 2.0 is not after music_start 3.0"),
        (["v0,s0,0,x,2,9"], "line 2: music_start 'x'; expected seconds"),
        (["v0,s0,0,nan,2,9"], "line 2: music_start 'nan'; expected seconds"),
        (["v0,,0,1,2,9"], "line 2: music_id is empty"),
        (
            ["v0,s0,0,1,2,9", "v0,s1,0,1,2,9"],
            r"'v0' is in .*_train_data.csv, line 2, and in .*, line 3",
        ),
        (["v0,s0,0,1,2,9"], "train has 1 rows, 1 of them of song 's0'; no other song"),
        ([*rows(2, songs=1), "v7,s7,0,1,2,9"], "train has 3 rows, 2 of them of song 's0'"),
    ],
)
def test_errors_are_one_clear_line(mgsv, lines, words):
    source = mgsv({"train": lines}, corpora=False)
    with pytest.raises(DataError, match=words) as caught:
        source.describe(VIEW)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_misspelt(mgsv):
    source = mgsv({"train": rows(4)}, corpora=False)
    file = source.path / "mgsv_train_data.csv"
    text = file.read_text()
    file.write_text(text.replace("music_start", "musik_start"))
    with pytest.raises(DataError, match="'musik_start' is not read; did you mean 'music_start'"):
        source.describe(VIEW)
    file.write_text(text.replace("music_id", "tune"))
    with pytest.raises(DataError, match="no column 'music_id'; it has video_id, tune,"):
        source.describe(VIEW)


def test_no_manifest(tmp_path):
    with pytest.raises(DataError, match=r"no mgsv data: it holds no mgsv_\*_data.csv"):
        (tmp_path / "labels.csv").touch()
        Source.parse(f"mgsv:{tmp_path}")


@pytest.mark.skipif(not REAL.is_dir(), reason="the published manifest isn't there")
def test_the_published_manifest():
    source = Source.parse(f"mgsv:{REAL}")
    told = source.describe(VIEW)
    assert told["counts"] == {"test": 2000} and source.title() == "MGSV (labels)"
    assert told["notes"][0] == (
        "2,000 videos, 2,000 songs, 2,000 moments of them; a moment has 22.6 s, its song 139.9 s on"
        " average"
    )
    roster = told["rosters"]["test"]
    assert abs(roster.labels.mean() - 0.5) < 0.05
    judged = MgsvReader().judged(source, VIEW)
    assert all(a.split(b"@")[0] != b.split(b"@")[0] for a, b in judged.table.tracks())
