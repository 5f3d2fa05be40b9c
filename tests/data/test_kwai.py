import json

import numpy as np
import pytest

from kavc.data import kwai
from kavc.data.damage import data_errors
from kavc.data.source import Source
from kavc.data.tfrecord import write_records
from kavc.errors import DataError

THEMES = ["Cars", "Food", "Games"]


def videos(count, prefix="v", seed=0, **changes):
    rng = np.random.default_rng(seed)
    for i in range(count):
        yield {
            "id": f"{prefix}{i}",
            "audio": rng.normal(size=(i % 3, 4)).astype("float32"),
            "visual": rng.normal(size=(2, 5)).astype("float32"),
            "theme": i % 3,
            **changes,
        }


def published(folder, **options):
    splits = {
        "train": videos(10, "a"),
        "validation": videos(3, "b"),
        "test": videos(4, "c"),
    }
    kwai.write_corpus(folder, splits, THEMES, **options)
    return Source("kwai", folder)


def ids(source, split):
    with data_errors():
        return [e["id"].decode() for e in kwai.read(source, split).as_numpy_iterator()]


def test_published_split_there_and_back(tmp_path):
    source = published(tmp_path / "corpus", shard=4, extra={"world": {"seed": 3}})
    names = sorted(path.name for path in source.path.glob("*.tfrecord"))
    assert [n for n in names if n.startswith("train")] == [f"train-0000{i}.tfrecord" for i in "012"]
    written = list(videos(10, "a"))
    for came, example in zip(kwai.read(source, "train").as_numpy_iterator(), written, strict=True):
        assert came["id"].decode() == example["id"]
        assert came["theme"] == example["theme"]
        np.testing.assert_array_equal(came["audio"], example["audio"])
        np.testing.assert_array_equal(came["visual"], example["visual"])
    assert ids(source, "test") == ["c0", "c1", "c2", "c3"]
    assert kwai.header(source)["world"] == {"seed": 3}
    described = kwai.describe(source)
    assert described.pop("fingerprint") == kwai.describe(source)["fingerprint"]
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
    kwai.write_corpus(tmp_path / "corpus", videos(200), THEMES, shard=90)
    source = Source("kwai", tmp_path / "corpus")
    parts = {split: ids(source, split) for split in ("train", "validation", "test")}
    assert sorted(id_ for part in parts.values() for id_ in part) == sorted(
        f"v{i}" for i in range(200)
    )
    described = kwai.describe(source)
    assert described["counts"] == {split: len(part) for split, part in parts.items()}
    assert 140 <= len(parts["train"]) <= 180
    assert "by the hash of the id" in described["notes"][0]


def test_a_splits_file_overrides(tmp_path):
    source = published(tmp_path / "corpus")
    file = tmp_path / "splits.json"
    file.write_text(json.dumps({"train": ["test*", "validation*"], "test": ["train*.tfrecord"]}))
    override = Source("kwai", source.path, file)
    assert kwai.describe(override)["counts"] == {"train": 7, "test": 10}
    assert ids(override, "test") == ids(source, "train")
    file.write_text(json.dumps({"test": {"ids": ["a3", "c1"]}}))
    assert ids(override, "test") == ["a3", "c1"]
    assert kwai.describe(override)["counts"] == {"test": 2}
    with pytest.raises(DataError, match="no split 'train'; there are: test"):
        kwai.read(override, "train")


def test_the_fingerprint_follows_content_and_names(tmp_path):
    prints = {
        kwai.describe(source)["fingerprint"]
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
        (list(videos(2, theme=3)), r"record 0 \(id v0\): theme 3 is not one of 0 to 2"),
        (list(videos(2, theme=-1)), "theme -1 is not"),
        (list(videos(2, id="")), "videos-00000.tfrecord, record 0: id is empty"),
        (list(videos(1, audio=np.ones(4))), r"audio of the first video has shape \(4,\)"),
        (
            [*videos(3), *videos(1, audio=np.ones((2, 3)))],
            r"^videos-00000.tfrecord, record 3 \(id v0\): audio has shape \(2, 3\)",
        ),
    ],
)
def test_nothing_is_left_of_a_corpus_that_does_not_fit(tmp_path, splits, words):
    with pytest.raises(DataError, match=words):
        kwai.write_corpus(tmp_path / "corpus", splits, THEMES)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_kept(tmp_path):
    published(tmp_path / "corpus")
    with pytest.raises(DataError, match="exists"):
        published(tmp_path / "corpus")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "x"}, "not a corpus"),
        ({"version": 9}, "version 9, this release reads 1"),
        ({"themes": []}, "themes must be a list of names"),
        ({"themes": [1]}, "themes must be a list of names"),
        ({"audio_dim": "4"}, "audio_dim must be a positive whole number"),
        ({"audio_dim": 6}, r"audio is \(any, 4\) float32 by its manifest, \(any, 6\)"),
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
        kwai.read(source, "train")


def test_missing_header_shard_and_cut_shard(tmp_path):
    source = published(tmp_path / "corpus", shard=4)
    shard = source.path / "train-00001.tfrecord"
    content = shard.read_bytes()
    shard.unlink()
    with pytest.raises(DataError, match=r"train-00001.tfrecord: no such file"):
        kwai.read(source, "train")
    shard.write_bytes(content[:-7])
    with pytest.raises(DataError, match="inside record 3 of 4"):
        kwai.describe(source)
    (source.path / "corpus.json").unlink()
    with pytest.raises(DataError, match=r"corpus.json: no such file"):
        kwai.read(source, "train")


def test_a_theme_without_a_name_is_named_when_it_is_read(tmp_path):
    source = published(tmp_path / "corpus")
    spec = kwai.video_spec(4, 5)
    write_records(source.path / "test-00000.tfrecord", videos(4, "c", theme=3), spec)
    with pytest.raises(DataError, match=r"record 0 \(id c0\): theme is not one of 0 to 2"):
        ids(source, "test")


def test_a_misspelt_key_does_not_make_the_hash_decide(tmp_path):
    source = published(tmp_path / "corpus")
    path = source.path / "corpus.json"
    path.write_text(path.read_text().replace('"splits"', '"Splits"'))
    with pytest.raises(DataError, match=r"corpus.json: key 'Splits' is not read; did you mean"):
        kwai.read(source, "train")


def overridden(source, content):
    file = source.path.parent / "splits.json"
    file.write_text(json.dumps(content))
    return Source("kwai", source.path, file)


def test_videos_in_two_splits_are_refused_whatever_made_these(tmp_path):
    kwai.write_corpus(
        tmp_path / "corpus", {"train": videos(4), "test": [*videos(2), *videos(2, "b")]}, THEMES
    )
    source = Source("kwai", tmp_path / "corpus")
    with pytest.raises(DataError, match=r"2 ids \('v0', 'v1'\) are both in train and in test"):
        kwai.describe(source)
    content = {"train": ["train-*"], "test": {"ids": ["v3", "b1"]}}
    with pytest.raises(DataError, match=r"1 id \('v3'\) is both in train and in test"):
        kwai.describe(overridden(source, content))
    content["test"] = {"ids": ["b0", "b1"]}
    assert kwai.describe(overridden(source, content))["counts"] == {"train": 4, "test": 2}


def test_listed_ids_that_are_not_there_are_refused(tmp_path):
    source = overridden(published(tmp_path / "corpus"), {"test": {"ids": ["a3", "none"]}})
    with pytest.raises(DataError, match=r"splits.json: test lists 2 ids, of which 1 id \('none'\)"):
        kwai.describe(source)


def test_repeated_ids_are_noted(tmp_path):
    splits = {"train": [*videos(4), *videos(3)], "test": videos(2, "b")}
    kwai.write_corpus(tmp_path / "corpus", splits, THEMES)
    described = kwai.describe(Source("kwai", tmp_path / "corpus"))
    assert described["counts"] == {"train": 7, "test": 2}
    assert described["notes"] == ("train: left out for an id that came before: 3",)


def test_the_rosters_follow_the_splits_file_and_its_copy(tmp_path):
    source = published(tmp_path / "corpus")
    override = overridden(source, {"test": {"ids": ["a3"]}})
    first = kwai.describe(override)["rosters"]["test"]
    assert kwai.describe(override)["rosters"]["test"] is first  # read once
    kept = tmp_path / "kept.json"
    override.splits.rename(kept)
    copy = Source("kwai", source.path, override.splits, kept)
    assert kwai.describe(copy)["rosters"]["test"].digest(THEMES) == first.digest(THEMES)
    kept.write_text(json.dumps({"test": {"ids": ["a4"]}}))
    assert kwai.describe(copy)["rosters"]["test"].ids.tolist() == [b"a4"]


def test_an_empty_id_is_refused_when_it_is_read(tmp_path):
    source = published(tmp_path / "corpus")
    write_records(source.path / "test-00000.tfrecord", videos(4, id=""), kwai.video_spec(4, 5))
    with pytest.raises(DataError, match=r"test-00000.tfrecord, record 0 \(id \): id is empty"):
        kwai.describe(source)
