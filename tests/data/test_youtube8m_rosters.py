import json

import pytest

from kavc.data import youtube8m
from kavc.data.manifest import count_records
from kavc.data.source import Source
from kavc.data.youtube8m_files import open_files
from kavc.data.youtube8m_rosters import rosters_of
from kavc.errors import DataError


@pytest.fixture
def source(tmp_path, shard):
    """Videos a to g in files of training and test; labels 0 to 3 are cars, 4 a game."""
    folder = tmp_path / "data"
    folder.mkdir()
    shard(folder / "train0.tfrecord", {"a": [0, 1], "b": [4], "c": [0, 4]}, silent=["b"])
    shard(folder / "train1.tfrecord", {"d": [3]})
    shard(folder / "test0.tfrecord", {"e": [4], "f": [], "g": [1]})
    rows = "".join(f"{i},Class {i},{'Games' if i == 4 else 'Cars'}\n" for i in range(5))
    (folder / "vocabulary.csv").write_text("Index,Name,Vertical1\n" + rows)
    return Source("youtube8m", folder)


def split_by(source, content):
    file = source.path.parent / "splits.json"
    file.write_text(json.dumps(content))
    return Source("youtube8m", source.path, file)


def members(described):
    return {name: b"".join(r.ids).decode() for name, r in described["rosters"].items()}


def test_who_is_in_each_split(source):
    described = youtube8m.describe(source)
    assert members(described) == {"train": "abcd", "test": "efg"}
    assert described["counts"] == {"train": 4, "test": 3}
    train = described["rosters"]["train"]
    assert train.labels.tolist() == [0, 1, 4, 0, 4, 3]
    assert train.label_splits.tolist() == [0, 2, 3, 5, 6]
    assert train.heard.tolist() == [True, False, True, True]
    assert train.seen.all()


def test_frame_level(tmp_path, shard):
    shard(tmp_path / "train0.tfrecord", {"a": [1], "b": []}, level="frame")
    described = youtube8m.describe(Source("youtube8m", tmp_path))
    train = described["rosters"]["train"]
    assert (train.ids.tolist(), train.label_splits.tolist()) == ([b"a", b"b"], [0, 1, 1])
    assert train.heard.all() and train.seen.all()
    assert len(described["classes"]) == 3862


def test_published_test_partitions_have_no_labels(tmp_path, shard):
    shard(tmp_path / "test0.tfrecord", {"a": [], "b": []})
    described = youtube8m.describe(Source("youtube8m", tmp_path))
    assert described["rosters"]["test"].labels.tolist() == []
    assert described["counts"] == {"test": 2}


def test_the_roster_of_themes_is_who_is_read(source):
    described = youtube8m.describe_themes(source, min_count=1)
    assert described["classes"] == ("Cars", "Games")
    assert described["counts"] == {"train": 3, "test": 2}
    for split, roster in described["rosters"].items():
        came = list(youtube8m.read_themes(source, split, 1).as_numpy_iterator())
        assert roster.ids.tolist() == [e["id"] for e in came]
        assert roster.labels.tolist() == [e["theme"] for e in came]
        assert roster.heard.tolist() == [len(e["audio"]) > 0 for e in came]


def test_all_is_read_once_for_as_long_as_it_stays_the_same(source, shard, monkeypatch):
    read = []
    monkeypatch.setattr(
        "kavc.data.youtube8m_rosters.count_records",
        lambda file: read.append(file.name) or count_records(file),
    )
    for _ in range(2):
        youtube8m.describe(source)
        youtube8m.describe_themes(source, min_count=1)
        youtube8m.read_themes(source, "test", min_count=1)
    assert sorted(read) == ["test0.tfrecord", "train0.tfrecord", "train1.tfrecord"]
    override = split_by(source, {"train": ["train*"], "test": {"ids": ["e"]}})
    assert members(youtube8m.describe(override))["test"] == "e"
    override = split_by(source, {"train": ["train*"], "test": {"ids": ["f"]}})
    assert members(youtube8m.describe(override))["test"] == "f"
    shard(source.path / "train1.tfrecord", {"h": [3]})
    assert members(youtube8m.describe(source))["train"] == "abch"


def test_the_digest_follows_splits_and_names(source):
    def digests(found):
        described = youtube8m.describe(found)
        return {name: r.digest(described["classes"]) for name, r in described["rosters"].items()}

    before = digests(source)
    swapped = split_by(source, {"train": ["test*"], "test": ["train*"]})
    assert digests(swapped) == {"train": before["test"], "test": before["train"]}
    words = source.path / "vocabulary.csv"
    words.write_text(words.read_text().replace("Class 3", "Another"))
    after = digests(source)
    assert after["train"] != before["train"] and after["test"] == before["test"]


def test_videos_in_two_splits_are_refused(source, shard):
    shard(source.path / "validate0.tfrecord", {"x": [0], "d": [1]})
    for describe in (youtube8m.describe, youtube8m.describe_themes):
        with pytest.raises(DataError, match=r"1 id \('d'\) is both in train and in validation"):
            describe(source)
    override = split_by(source, {"train": ["t*"], "test": {"ids": ["e", "d"]}})
    with pytest.raises(DataError, match=r"2 ids \('d', 'e'\) are both in train and in test"):
        youtube8m.describe(override)


def test_listed_ids_that_are_not_there_are_refused(source):
    override = split_by(source, {"test": {"ids": ["e", "nobody"]}})
    with pytest.raises(DataError, match=r"splits.json: test lists 2 ids, .* \('nobody'\) is not"):
        youtube8m.describe(override)


def test_repeated_ids_are_noted(source, shard):
    shard(source.path / "train2.tfrecord", {"a": [0], "i": [0]})
    described = youtube8m.describe(source)
    assert described["counts"]["train"] == 6
    assert described["notes"][-1] == "train: left out for an id that came before: 1"
    assert youtube8m.describe_themes(source, 1)["notes"][-1] == described["notes"][-1]


@pytest.mark.parametrize("options", [{"key": "video_id"}, {"level": "frame"}])
def test_splits_of_two_layouts_are_refused(source, shard, options):
    shard(source.path / "validate0.tfrecord", {"x": [0]}, **options)
    for describe in (youtube8m.describe, youtube8m.describe_themes):
        with pytest.raises(DataError, match=r"test0.tfrecord is .*, but .*validate0.tfrecord is"):
            describe(source)
    shard(source.path / "train2.tfrecord", {"y": [0]}, **options)
    with pytest.raises(DataError, match=r"train0.tfrecord is .*, but .*train2.tfrecord is"):
        youtube8m.read(source, "train")


def test_labels_beyond_the_vocabulary_are_refused_in_every_path(source, shard):
    shard(source.path / "test0.tfrecord", {"e": [4], "f": [2, 5]})
    for describe in (youtube8m.describe, lambda found: youtube8m.describe_themes(found, 1)):
        with pytest.raises(DataError, match=r"test: label 5 is outside .* 5 classes \(video 'f'\)"):
            describe(source)
    words = r"test0.tfrecord, record 1 \(id f\): labels is not one of 0 to 4; this record holds 5"
    with pytest.raises(DataError, match=words):
        youtube8m.load(source, "test")
    for read in (youtube8m.read, youtube8m.read_means, youtube8m.read_themes):
        options = {"min_count": 1} if read is youtube8m.read_themes else {}
        with pytest.raises(DataError, match=words), youtube8m.data_errors():
            list(read(source, "test", **options))


def test_the_vocabulary_of_another_release_is_refused(source, shard):
    for name, videos in {"train0": {"a": [0]}, "train1": {"b": [1]}, "test0": {"c": [2]}}.items():
        shard(source.path / f"{name}.tfrecord", videos, key="video_id")
    rows = "".join(f"{i},Class {i},Cars\n" for i in range(3862))
    (source.path / "vocabulary.csv").write_text("Index,Name,Vertical1\n" + rows)
    for describe in (youtube8m.describe, youtube8m.describe_themes):
        with pytest.raises(DataError, match="3862 classes of another release"):
            describe(source)


def test_damage_is_named(source):
    file = source.path / "train1.tfrecord"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(DataError, match=r"train1.tfrecord: cut off or damaged inside record 0"):
        rosters_of(open_files(source))
