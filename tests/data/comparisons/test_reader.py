import json

import numpy as np
import pytest

from kavc.data.comparisons.reader import TriplesReader
from kavc.data.layouts import View
from kavc.data.membership import hash_split
from kavc.data.source import Source
from kavc.data.splits import SPLITS
from kavc.data.statistics import statistics
from kavc.errors import ConfigError, DataError

from .conftest import HEADER, ROWS, tracks, videos, with_table

VIEW = View({"visual": "visual", "flow": "flow"}, tracks={"audio": "audio"})
PLAIN = "video,track_a,track_b,answer"


def read(source, split, view=VIEW):
    return list(source.read(split, view).as_numpy_iterator())


def test_there_and_back(triples):
    source = triples()
    seen = {video["id"].encode(): video for video in videos(4)}
    heard = {track["id"].encode(): track["audio"] for track in tracks(4)}
    came = read(source, "train")
    assert [judged["id"] for judged in came] == [
        b"v0|t0|t1|r0", b"v0|t0|t1|r1", b"v0|t1|t0|r1", b"v1|t2|t0|r0"
    ]  # fmt: skip
    assert [int(judged["answer"]) for judged in came] == [0, 1, 0, 1]
    assert [judged["rater"] for judged in came] == [b"r0", b"r1", b"r1", b"r0"]
    for judged in came:
        for name in ("visual", "flow"):
            np.testing.assert_array_equal(judged[name], seen[judged["video"]][name])
        for of in "ab":
            np.testing.assert_array_equal(judged[f"audio_{of}"], heard[judged[f"track_{of}"]])
    assert came[0]["flow"].shape == (0, 3) and came[3]["flow"].shape == (1, 3)
    assert came[0]["answer"].dtype == np.int32
    assert not read(source, "validation")[0]["audio_b"].any()  # silent, and its rows are kept


def test_described(triples):
    source = triples()
    told = source.describe(VIEW)
    assert told["counts"] == {"train": 4, "validation": 1, "test": 2}
    assert told["widths"] == {"visual": 4, "flow": 3, "audio": 2}
    assert told["shapes"] == {"visual": (4,), "flow": (3,), "audio": (2,)}
    assert told["classes"] == ("a", "b")
    assert told["extractors"] == {"audio": {"extractor": {"name": "vggish"}}}
    assert told["notes"] == (
        "test: 0 of 1 videos and 2 of 3 tracks are in train, too",
        "test: 0 of 1 videos and 2 of 3 tracks are in validation, too",
        "validation: 1 of 1 judgements are of a silent track; kept",
        "test: 1 of 2 judgements are of a silent track; kept",
    )
    test = told["rosters"]["test"]
    assert test.ids.tolist() == [b"v3|t3|t2|r0", b"v3|t0|t2|r0"]
    assert test.labels.tolist() == [1, 0] and test.heard.tolist() == [False, True]
    assert test.seen.all()
    still = source.describe(View({"flow": "flow"}, tracks={"audio": "audio"}))["rosters"]
    assert still["train"].seen.tolist() == [False, False, False, True]
    assert source.title() == "own judgements (triples)" and source.compares()


def test_sound_alone(triples):
    source = triples()
    view = View({}, tracks={"audio": "audio"})
    told = source.describe(view)
    assert told["widths"] == {"audio": 2} and told["rosters"]["train"].seen.all()
    assert set(read(source, "test", view)[0]) == {
        "id", "video", "track_a", "track_b", "rater", "answer", "audio_a", "audio_b"
    }  # fmt: skip


def test_the_fingerprint_is_of_tables_and_corpora(triples):
    source = triples()
    before = source.describe(VIEW)["fingerprint"]
    assert before == source.describe(VIEW)["fingerprint"]
    # Genres and ratings decide nothing of a training.
    (source.path / "tracks.csv").write_text("track,genre\nt0,rock\n")
    assert source.describe(VIEW)["fingerprint"] == before
    with_table(source.path, *ROWS[:-1])
    assert source.describe(VIEW)["fingerprint"] != before
    with_table(source.path, "v0,t0,t1,b", header=PLAIN + ",split"[:0])
    with pytest.raises(DataError, match=r"split '\w+' is empty, of 1 judgements"):
        source.describe(VIEW)


def random_rows(count, of):
    rng = np.random.default_rng(5)
    pairs = [rng.choice(of, 2, replace=False) for _ in range(count)]
    return [f"v{rng.integers(of)},t{a},t{b},{'ab'[rng.integers(2)]}" for a, b in pairs]


@pytest.mark.parametrize("by", ["video", "track", "both"])
def test_splits_by_hash(triples, by):
    rows = list(dict.fromkeys(random_rows(6000, 60)))
    source = triples(*rows, header=PLAIN, of=(60, 60))
    view = View({"visual": "visual"}, tracks={"audio": "audio"}, split_by=by)
    told = source.describe(view)
    parts = [row.split(",")[:3] for row in rows]
    names = sorted({name for row in parts for name in row})
    place = {name: SPLITS[i] for name, i in zip(names, hash_split(names).numpy(), strict=True)}
    where = {"video": slice(0, 1), "track": slice(1, 3), "both": slice(0, 3)}
    kept = {way: [{place[n] for n in row[of]} for row in parts] for way, of in where.items()}
    dropped = {way: sum(len(places) > 1 for places in found) for way, found in kept.items()}
    track, both = f"{dropped['track']:,}", f"{dropped['both']:,}"
    assert told["notes"][0] == (
        f"no published split: 80/10/10 by the hash of the id, by {by}; of {len(rows):,} judgements"
        f" are dropped by video 0, by track {track}, by both {both}"
    )
    assert 0 < dropped["track"] < dropped["both"]
    assert sum(told["counts"].values()) == len(rows) - dropped[by]
    for split in SPLITS:
        ids = [
            judged["id"].decode().split("#")[0].split("|") for judged in read(source, split, view)
        ]
        assert ids == [r for r, p in zip(parts, kept[by], strict=True) if p == {split}]


def test_a_splits_file_overrides_the_table(triples, tmp_path):
    source = triples()
    listed = {"train": {"ids": ["v3|t3|t2|r0"]}, "test": {"ids": ["v0|t0|t1|r0", "v2|t2|t3|r0"]}}
    (tmp_path / "splits.json").write_text(json.dumps(listed))
    chosen = Source("triples", source.path, tmp_path / "splits.json")
    told = chosen.describe(VIEW)
    assert told["counts"] == {"train": 1, "test": 2}
    assert [judged["video"] for judged in read(chosen, "test")] == [b"v0", b"v2"]
    with pytest.raises(DataError, match="no split 'validation'; there are: train, test"):
        chosen.read("validation", VIEW)
    listed["test"]["ids"].append("v9|t0|t1")
    (tmp_path / "splits.json").write_text(json.dumps(listed))
    with pytest.raises(DataError, match=r"test lists 3 ids, of which 1 id \('v9|t0|t1'\) is not"):
        chosen.describe(VIEW)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            "v0,t07,t1,a,r,train",
            "line 3: track 't07' is not in tracks/; 2 of 4 are not: .*mean 't0'",
        ),
        ("cat,t0,t1,a,r,train", "line 3: video 'cat' is not in videos/; 1 of 2 are not"),
    ],
)
def test_what_a_corpus_lacks(triples, row, words):
    source = triples("v0,t0,t1,a,q,train", row, "v0,t8,t1,b,r,train")
    for ask in (source.describe, lambda view: source.read("train", view)):
        with pytest.raises(DataError, match=words) as caught:
            ask(VIEW)
        assert "\n" not in str(caught.value)


def test_a_corpus_or_an_array_that_is_missing(triples):
    source = triples()
    with pytest.raises(DataError, match=r"no array 'sound' to read as 'audio'; it has audio"):
        source.describe(View({"visual": "visual"}, tracks={"audio": "sound"}))
    (source.path / "tracks").rename(source.path / "songs")
    for ask in (source.describe, lambda view: source.read("test", view)):
        said = r"no corpus of features in tracks/ .*: kavc extract TRACKS --for music-match --only"
        with pytest.raises(DataError, match=rf"{said} audio --out .*/triples/tracks"):
            ask(VIEW)


def test_numbers_of_rows_that_a_view_needs(triples):
    source = triples()
    with pytest.raises(DataError, match="has 2 rows of 'visual', 1 are needed"):
        source.describe(
            View({"visual": "visual"}, tracks={"audio": "audio"}, rows={"visual": (1,)})
        )
    told = source.describe(View({}, tracks={"audio": "audio"}, rows={"audio": (5,)}))
    assert told["counts"]["train"] == 4


def test_who_compares_tracks_and_who_does_not(triples):
    source = triples()
    with pytest.raises(DataError, match=r"features:.*: holds videos, and this system reads"):
        Source("features", source.path / "videos").describe(VIEW)
    for ask in (source.describe, lambda view: source.read("test", view)):
        with pytest.raises(DataError, match=r"triples:.*: holds judgements .* music-match does"):
            ask(View())
    with pytest.raises(ConfigError, match="unknown split 'genre'"):
        source.describe(View({}, tracks={"audio": "audio"}, split_by="genre"))


def test_statistics_are_of_each_video_and_track_once(triples):
    source = triples()
    found = {each.name: each for each in statistics(source, view=VIEW)}
    assert {name: (each.rows, each.width, each.videos) for name, each in found.items()} == {
        "videos/visual": (7, 4, 4), "videos/flow": (2, 3, 4), "tracks/audio": (20, 2, 4)
    }  # fmt: skip
    assert found["tracks/audio"].hop == 1.0
    assert source.extractors() == {"tracks/audio": "vggish"}
    assert [sorted(group) for group in source.arrays()] == [
        ["videos/flow", "videos/visual"], ["tracks/audio", "tracks/audio_times"]
    ]  # fmt: skip


def test_rows_that_are_no_vectors(tmp_path):
    from kavc.data.features.writer import write_corpus

    folder = tmp_path / "pictures"
    folder.mkdir()
    pictures = np.arange(2 * 3 * 4 * 2, dtype=np.float32).reshape(2, 1, 3, 4, 2)
    write_corpus(folder / "videos", [{"id": f"v{i}", "rgb": pictures[i]} for i in range(2)])
    write_corpus(folder / "tracks", tracks(2))
    source = with_table(folder, "v0,t0,t1,a,r,train", "v1,t0,t1,a,r,train", header=HEADER)
    view = View({"visual": "rgb"}, tracks={"audio": "audio"}, vectors=False)
    assert source.describe(view)["shapes"] == {"visual": (3, 4, 2), "audio": (2,)}
    np.testing.assert_array_equal(read(source, "train", view)[1]["visual"], pictures[1])
    with pytest.raises(DataError, match="one vector a step of time is expected"):
        source.describe(View({"visual": "rgb"}, tracks={"audio": "audio"}))


def test_what_no_view_asks_of_comparisons(triples):
    source = triples()
    with pytest.raises(ValueError, match="row by row"):
        TriplesReader().describe(source, View({}, means=True, tracks={"audio": "audio"}))
    with pytest.raises(ValueError, match="'audio' names an array of the videos and one of"):
        source.describe(View({"audio": "flow"}, tracks={"audio": "audio"}))


def test_silence_and_still_pictures_are_told(triples):
    source = triples()
    notes = source.describe(VIEW)["notes"]
    assert "test: 1 of 2 judgements are of a silent track; kept" in notes
    moving = View({"flow": "flow"}, tracks={"audio": "audio"}, vectors=False)
    notes = source.describe(moving)["notes"]
    assert "train: 3 of 4 judgements are of an unseen video; kept" in notes
