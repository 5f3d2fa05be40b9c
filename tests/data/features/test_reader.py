import json

import numpy as np
import pytest

from kavc.data.damage import data_errors
from kavc.data.features import reader, writer
from kavc.data.features.header import ID, LABELS, SILENT, field_to_json, read_header
from kavc.data.features.members import members_path
from kavc.data.features.reader import FeaturesReader
from kavc.data.features.writer import write_corpus
from kavc.data.layouts import View
from kavc.data.schema import Field
from kavc.data.source import Source
from kavc.data.tfrecord import read_records, write_records
from kavc.errors import DataError

THEMES = ["Cars", "Food", "Games"]
THEME = View(theme=True)
READER = FeaturesReader()
SPEC = {
    "id": ID,
    "labels": LABELS,
    "audio": Field((None, 4), "float32", ""),
    "visual": Field((None, 5), "float32", ""),
}


def videos(count, prefix="v", seed=0, **changes):
    rng = np.random.default_rng(seed)
    for i in range(count):
        yield {
            "id": f"{prefix}{i}",
            "audio": rng.normal(size=(i % 3, 4)).astype("float32"),
            "visual": rng.normal(size=(2, 5)).astype("float32"),
            "labels": [i % 3],
            **changes,
        }


def published(folder, **options):
    splits = {
        "train": videos(10, "a"),
        "validation": videos(3, "b"),
        "test": videos(4, "c"),
    }
    write_corpus(folder, splits, THEMES, **options)
    return Source("features", folder)


def ids(source, split):
    with data_errors():
        return [e["id"].decode() for e in READER.read(source, split, THEME).as_numpy_iterator()]


def test_published_split_there_and_back(tmp_path):
    source = published(tmp_path / "corpus", shard=4, extra={"world": {"seed": 3}})
    names = sorted(path.name for path in source.path.glob("*.tfrecord"))
    assert [n for n in names if n.startswith("train")] == [f"train-0000{i}.tfrecord" for i in "012"]
    written = list(videos(10, "a"))
    for came, example in zip(
        READER.read(source, "train", THEME).as_numpy_iterator(), written, strict=True
    ):
        assert came["id"].decode() == example["id"]
        assert [came["theme"]] == example["labels"]
        np.testing.assert_array_equal(came["audio"], example["audio"])
        np.testing.assert_array_equal(came["visual"], example["visual"])
    assert ids(source, "test") == ["c0", "c1", "c2", "c3"]
    assert read_header(source.path).content["world"] == {"seed": 3}
    described = READER.describe(source, THEME)
    assert described.pop("fingerprint") == READER.describe(source, THEME)["fingerprint"]
    rosters = described.pop("rosters")
    assert {name: len(roster) for name, roster in rosters.items()} == described["counts"]
    assert rosters["test"].ids.tolist() == [b"c0", b"c1", b"c2", b"c3"]
    assert rosters["test"].labels.tolist() == [0, 1, 2, 0]
    assert rosters["test"].heard.tolist() == [False, True, True, False]
    assert rosters["test"].seen.all()
    assert described == {
        "counts": {"train": 10, "validation": 3, "test": 4},
        "widths": {"audio": 4, "visual": 5},
        "classes": tuple(THEMES),
        "notes": (),
    }


def test_the_hash_splits_where_nothing_was_published(tmp_path):
    write_corpus(tmp_path / "corpus", videos(200), THEMES, shard=90)
    source = Source("features", tmp_path / "corpus")
    parts = {split: ids(source, split) for split in ("train", "validation", "test")}
    assert sorted(id_ for part in parts.values() for id_ in part) == sorted(
        f"v{i}" for i in range(200)
    )
    described = READER.describe(source, THEME)
    assert described["counts"] == {split: len(part) for split, part in parts.items()}
    assert 140 <= len(parts["train"]) <= 180
    assert "by the hash of the id" in described["notes"][0]


def test_a_splits_file_overrides(tmp_path):
    source = published(tmp_path / "corpus")
    file = tmp_path / "splits.json"
    file.write_text(json.dumps({"train": ["test*", "validation*"], "test": ["train*.tfrecord"]}))
    override = Source("features", source.path, file)
    assert READER.describe(override, THEME)["counts"] == {"train": 7, "test": 10}
    assert ids(override, "test") == ids(source, "train")
    file.write_text(json.dumps({"test": {"ids": ["a3", "c1"]}}))
    assert ids(override, "test") == ["a3", "c1"]
    assert READER.describe(override, THEME)["counts"] == {"test": 2}
    with pytest.raises(DataError, match="no split 'train'; there are: test"):
        READER.read(override, "train", THEME)


def test_the_fingerprint_follows_content_and_names(tmp_path):
    prints = {
        READER.describe(source, THEME)["fingerprint"]
        for source in (
            published(tmp_path / "a"),
            published(tmp_path / "b"),
            published(tmp_path / "c", extra={"note": "x"}),
        )
    }
    assert len(prints) == 2


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ({"train": []}, "split 'train' has no videos"),
        ({"trian": [{}]}, "did you mean 'train'"),
        ([], "has no videos"),
        (list(videos(2, labels=[3])), r"record 0 \(id v0\): label 3 is not one of 0 to 2"),
        (list(videos(2, labels=[-1])), "label -1 is not"),
        (list(videos(2, id="")), "videos-00000.tfrecord, record 0: id is empty"),
        (list(videos(1, audio=np.ones((2, 0)))), r"audio is float64 of shape \(2, 0\)"),
        (list(videos(1, audio=np.ones((2, 4), int))), r"audio is int64 of shape \(2, 4\)"),
        (
            [{"id": "a", "labels": [0]}],
            "video has no array of features; it has id, labels",
        ),
        (list(videos(1, **{"a b": np.ones((2, 3))})), "an array can't be called 'a b'"),
        ([*videos(1), *videos(1, more=np.ones(2))], "'more' is not in the first video"),
        (list(videos(1, codes=np.array([2**31]))), "codes holds whole numbers that int32 can't"),
        (list(videos(1, visual_times=np.ones(3))), "visual_times must be 2 seconds, one for each"),
        (list(videos(1, visual_times=np.array([1.0, 0]))), "none before the one before it"),
        (
            [*videos(3), *videos(1, audio=np.ones((2, 3)))],
            r"^videos-00000.tfrecord, record 3 \(id v0\): audio has shape \(2, 3\)",
        ),
    ],
)
def test_nothing_is_left_of_a_corpus_that_does_not_fit(tmp_path, splits, words):
    with pytest.raises(DataError, match=words):
        write_corpus(tmp_path / "corpus", splits, THEMES)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_kept(tmp_path):
    published(tmp_path / "corpus")
    with pytest.raises(DataError, match="exists"):
        published(tmp_path / "corpus")


def changed(**fields):
    return {name: field_to_json(field) for name, field in (SPEC | fields).items()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "x"}, "not a corpus"),
        ({"version": 9}, "version 9, this release reads 1"),
        ({"classes": []}, "there are labels, but no classes"),
        ({"classes": [1]}, "classes must be a list of names"),
        ({"classes": ["a\nb"]}, r"classes: 'a\\nb' holds a line break"),
        ({"fields": []}, "fields must map names to shape and dtype"),
        ({"fields": {"id": 3}}, "field 'id' must have a shape"),
        (
            {"fields": changed(audio=Field((None, 2**20, 2), "float32", ""))},
            "field 'audio' must have .* at most 1,048,576 values a row",
        ),
        ({"fields": changed(audio=Field((None, 4), "float64", ""))}, "a dtype of float32, int32"),
        (
            {"fields": changed(audio=Field((4, None), "float32", ""))},
            "field 'audio' must have",
        ),
        ({"fields": changed(audio=Field((None, 4), "float32", "", -1))}, "hop must be seconds"),
        ({"fields": changed(labels=Field((), "int32", ""))}, "field 'labels' must be int32 of"),
        (
            {"fields": changed(audio=Field((None, 6), "float32", ""))},
            r"audio is \(any, 4\) float32 by its manifest, \(any, 6\)",
        ),
        ({"splits": {"train": ["../x.tfrecord"]}}, "names of files beside it"),
        ({"splits": {"train": "x"}}, r"no such file"),
        ({"splits": ["x"]}, "names of files beside it"),
        ({"splits": {"train": 3}}, "names of files beside it"),
        ({"splits": {"train": ["x"], "test": ["x"]}}, "splits name x twice"),
        ({"splits": {"trian": ["x"]}}, "did you mean 'train'"),
        ({"splits": {"train": ["gone.tfrecord"]}}, "gone.tfrecord: no such file"),
    ],
)
def test_unusable_headers(tmp_path, changes, words):
    source = published(tmp_path / "corpus")
    path = source.path / "corpus.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(DataError, match=words):
        READER.read(source, "train", THEME)


def test_missing_header_shard_and_cut_shard(tmp_path):
    source = published(tmp_path / "corpus", shard=4)
    shard = source.path / "train-00001.tfrecord"
    content = shard.read_bytes()
    shard.unlink()
    with pytest.raises(DataError, match=r"train-00001.tfrecord: no such file"):
        READER.read(source, "train", THEME)
    shard.write_bytes(content[:-7])
    with pytest.raises(DataError, match="inside record 3 of 4"):
        READER.describe(source, THEME)
    (source.path / "corpus.json").unlink()
    with pytest.raises(DataError, match=r"corpus.json: no such file"):
        READER.read(source, "train", THEME)


def test_a_theme_without_a_name_is_named_when_it_is_read(tmp_path):
    source = published(tmp_path / "corpus")
    write_records(source.path / "test-00000.tfrecord", videos(4, "c", labels=[3]), SPEC)
    with pytest.raises(DataError, match=r"record 0 \(id c0\): labels is not one of 0 to 2"):
        ids(source, "test")


def test_a_misspelt_key_does_not_make_the_hash_decide(tmp_path):
    source = published(tmp_path / "corpus")
    path = source.path / "corpus.json"
    path.write_text(path.read_text().replace('"splits"', '"Splits"'))
    with pytest.raises(DataError, match=r"corpus.json: key 'Splits' is not read; did you mean"):
        READER.read(source, "train", THEME)


def overridden(source, content):
    file = source.path.parent / "splits.json"
    file.write_text(json.dumps(content))
    return Source("features", source.path, file)


def test_videos_in_two_splits_are_refused_whatever_made_these(tmp_path):
    write_corpus(
        tmp_path / "corpus", {"train": videos(4), "test": [*videos(2), *videos(2, "b")]}, THEMES
    )
    source = Source("features", tmp_path / "corpus")
    with pytest.raises(DataError, match=r"2 ids \('v0', 'v1'\) are both in train and in test"):
        READER.describe(source, THEME)
    content = {"train": ["train-*"], "test": {"ids": ["v3", "b1"]}}
    with pytest.raises(DataError, match=r"1 id \('v3'\) is both in train and in test"):
        READER.describe(overridden(source, content), THEME)
    content["test"] = {"ids": ["b0", "b1"]}
    assert READER.describe(overridden(source, content), THEME)["counts"] == {"train": 4, "test": 2}


def test_listed_ids_that_are_not_there_are_refused(tmp_path):
    source = overridden(published(tmp_path / "corpus"), {"test": {"ids": ["a3", "none"]}})
    with pytest.raises(DataError, match=r"splits.json: test lists 2 ids, of which 1 id \('none'\)"):
        READER.describe(source, THEME)


def test_repeated_ids_are_noted(tmp_path):
    splits = {"train": [*videos(4), *videos(3)], "test": videos(2, "b")}
    write_corpus(tmp_path / "corpus", splits, THEMES)
    described = READER.describe(Source("features", tmp_path / "corpus"), THEME)
    assert described["counts"] == {"train": 7, "test": 2}
    assert described["notes"] == ("train: left out for an id that came before: 3",)


def test_the_rosters_follow_the_splits_file_and_its_copy(tmp_path):
    source = published(tmp_path / "corpus")
    override = overridden(source, {"test": {"ids": ["a3"]}})
    first = READER.describe(override, THEME)["rosters"]["test"]
    assert READER.describe(override, THEME)["rosters"]["test"] is first  # read once
    kept = tmp_path / "kept.json"
    override.splits.rename(kept)
    copy = Source("features", source.path, override.splits, kept)
    assert READER.describe(copy, THEME)["rosters"]["test"].digest(THEMES) == first.digest(THEMES)
    kept.write_text(json.dumps({"test": {"ids": ["a4"]}}))
    assert READER.describe(copy, THEME)["rosters"]["test"].ids.tolist() == [b"a4"]


def test_an_empty_id_is_refused_when_it_is_read(tmp_path):
    source = published(tmp_path / "corpus")
    file = source.path / "test-00000.tfrecord"
    write_records(file, videos(4, id=""), SPEC)
    with pytest.raises(DataError, match=r"members.npz: not the members of the file beside it"):
        READER.describe(source, THEME)
    members_path(file).unlink()
    with pytest.raises(DataError, match=r"test-00000.tfrecord, record 0 \(id \): id is empty"):
        READER.describe(source, THEME)


def test_what_is_silent(tmp_path):
    """No row, nothing but zeros, or so the record says: alike in both views and in the roster."""
    rows = [np.ones((2, 4)), np.zeros((2, 4)), np.zeros((0, 4)), np.ones((3, 4))]
    train = [
        {"id": str(i), "audio": audio, "visual": np.ones((i % 2, 5)), "silent": i == 3}
        for i, audio in enumerate(rows)
    ]
    write_corpus(tmp_path / "corpus", {"train": train})
    source = Source("features", tmp_path / "corpus")
    assert read_header(source.path).spec["silent"] == SILENT
    for beside in (True, False):  # from the members, and, without them, from the records
        roster = READER.describe(source, View())["rosters"]["train"]
        assert roster.heard.tolist() == [True, False, False, False]
        assert roster.seen.tolist() == [False, True, False, True]
        assert roster.labels.tolist() == [] and len(roster) == 4
        if beside:
            members_path(source.path / "train-00000.tfrecord").unlink()
            reader._rosters_at.cache_clear()
    steps = [len(e["audio"]) for e in READER.read(source, "train", View()).as_numpy_iterator()]
    assert steps == [2, 0, 0, 0]
    means = list(READER.read(source, "train", View(means=True)).as_numpy_iterator())
    assert [e["silent"] for e in means] == [False, True, True, True]
    assert means[3]["audio"].tolist() == [1] * 4  # the vector stays: it may be that of silence


def test_times_are_kept_beside_their_array(tmp_path):
    fields = {"visual": Field((None, 5), "float32", "CLIP of key frames", 2.5)}
    train = [{"id": "a", "visual": np.ones((2, 5)), "visual_times": np.array([0.0, 2.5])}]
    write_corpus(tmp_path / "corpus", {"train": train}, fields=fields)
    header = read_header(tmp_path / "corpus")
    assert header.spec["visual"] == fields["visual"]
    assert list(header.arrays) == ["visual"]
    came = read_records([tmp_path / "corpus" / "train-00000.tfrecord"], header.spec)
    assert next(iter(came))["visual_times"].numpy().tolist() == [0, 2.5]


def test_a_corpus_of_an_earlier_release(tmp_path):
    """One audio, one visual array and a theme, without members: read as before."""
    themed = [{**video, "theme": video["labels"][0]} for video in videos(6, "a")]
    spec = {
        **SPEC,
        "theme": Field((), "int32", ""),
    }
    del spec["labels"]
    write_records(tmp_path / "train-00000.tfrecord", themed, spec)
    content = {"format": "kavc-videos", "version": 1, "audio_dim": 4, "visual_dim": 5}
    content |= {"themes": THEMES, "splits": {"train": ["train-00000.tfrecord"]}}
    (tmp_path / "corpus.json").write_text(json.dumps(content))
    source = Source("kwai", tmp_path)
    described = source.describe(THEME)
    assert described["widths"] == {"audio": 4, "visual": 5}
    assert described["rosters"]["train"].heard.tolist() == [False, True, True] * 2
    came = list(source.read("train", THEME).as_numpy_iterator())
    assert [e["theme"] for e in came] == [0, 1, 2] * 2
    np.testing.assert_array_equal(came[2]["audio"], themed[2]["audio"])
    for changes, words in (
        ({"themes": []}, "themes must be a list of names"),
        ({"themes": [1]}, "themes must be a list of names"),
        ({"audio_dim": "4"}, "audio_dim must be a whole number from 1 to 1048576"),
    ):
        (tmp_path / "corpus.json").write_text(json.dumps(content | changes))
        with pytest.raises(DataError, match=words):
            source.describe(THEME)


@pytest.mark.parametrize("drop", ["ids", "label_lengths", "rows/visual", "filled/audio"])
def test_damaged_members_are_named(tmp_path, drop):
    source = published(tmp_path / "corpus")
    path = members_path(source.path / "test-00000.tfrecord")
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays.files if name != drop}
    np.savez(path, **kept)
    with pytest.raises(DataError, match=r"test-00000.tfrecord.members.npz: not what this release"):
        READER.describe(source, THEME)


def test_a_file_ends_at_so_many_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "SHARD_BYTES", 300)
    write_corpus(tmp_path / "corpus", {"train": videos(6)}, THEMES)
    source = Source("features", tmp_path / "corpus")
    assert len(list(source.path.glob("*.tfrecord"))) > 1
    assert ids(source, "train") == [f"v{i}" for i in range(6)]


def test_numbers_of_rows_are_checked_when_described(tmp_path):
    """From the members, and, without them, from the records."""
    train = [
        {"id": f"v{i}", "audio": np.zeros((rows, 4)), "clip": np.ones(3), "labels": [0] * (i != 2)}
        for i, rows in enumerate((10, 7, 9, 7))
    ]
    write_corpus(tmp_path / "corpus", {"train": train}, THEMES)
    source = Source("features", tmp_path / "corpus")
    arrays = {"audio": "audio", "visual": "clip"}
    fits = View(arrays, rows={"audio": (7, 9, 10), "visual": (1,), "other": (3,)})
    themed = View(arrays, rows={"audio": (7, 10)}, theme=True)
    unfit = View(arrays, rows={"audio": (10,)})
    first = View(arrays, rows={"audio": (10, 9)})
    only = overridden(source, {"train": {"ids": ["v0"]}})
    for beside in (True, False):
        assert READER.describe(source, fits)["counts"] == {"train": 4}
        assert READER.describe(source, themed)["counts"] == {"train": 3}  # the other is left out
        assert READER.describe(only, unfit)["counts"] == {"train": 1}
        words = r"^features:.*corpus: video 'v1' has 7 rows of 'audio', 10 are needed \(3 videos do"
        with pytest.raises(DataError, match=words):
            READER.describe(source, unfit)
        with pytest.raises(DataError, match=r"'v1' has 7 rows of 'audio', 10 or 9 are needed"):
            READER.describe(source, first)
        if beside:
            members_path(source.path / "train-00000.tfrecord").unlink()
    steps = [len(e["audio"]) for e in READER.read(source, "train", fits).as_numpy_iterator()]
    assert steps == [10, 7, 9, 7]  # of silence, since the view says how many
