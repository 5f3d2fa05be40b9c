import json

import pytest

from kavc.data.splits import SPLITS, Part, files_of, load
from kavc.errors import DataError


@pytest.fixture
def folder(tmp_path):
    for number in range(12):
        (tmp_path / f"validate{number:04d}.tfrecord").touch()
    return tmp_path


def files(folder):
    return sorted(folder.glob("*.tfrecord"))


def written(folder, content):
    path = folder / "splits.json"
    path.write_text(json.dumps(content))
    return path


def test_patterns_and_ids(folder):
    parts = load(written(folder, {"train": ["validate000?.*"], "test": {"ids": ["a", "b"]}}))
    assert parts == {"train": Part(globs=("validate000?.*",)), "test": Part(ids=("a", "b"))}
    assert files_of("train", files(folder), folder, parts) == files(folder)[:10]
    assert files_of("test", files(folder), folder, parts) == files(folder)


@pytest.mark.parametrize(
    "pattern",
    ["*", "*.tfrecord", "**/*", "**/a?.tfrecord", "x/*", "*/a1.tfrecord", "x/**/a1.*",
     "./x/a[0-1]*", "**/y/**/*", "**", "x", "a0.tfrecord", "x/a0.tfrecord", "A0.tfrecord"],
)  # fmt: skip
def test_patterns_mean_what_they_do_to_pathlib(tmp_path, pattern):
    (tmp_path / "x" / "y").mkdir(parents=True)
    there = [
        place / f"a{number}.tfrecord"
        for place in (tmp_path, tmp_path / "x", tmp_path / "x" / "y")
        for number in range(3)
    ]
    for file in there:
        file.touch()
    expected = [file for file in there if file in set(tmp_path.glob(pattern))]
    parts = {"train": Part(globs=(pattern,))}
    if expected:
        assert files_of("train", there, tmp_path, parts) == expected
    else:
        with pytest.raises(DataError, match="matches none"):
            files_of("train", there, tmp_path, parts)


def test_the_projects_splits(shared):
    parts = load(shared / "data" / "youtube8m" / "splits.json")
    assert list(parts) == list(SPLITS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "expected"),
        ({}, "expected"),
        ({"valid": ["a*"]}, "did you mean 'validation'"),
        ({"train": ["../a*"]}, "must be relative"),
        ({"train": ["a/../../b"]}, "must be relative"),
        ({"train": ["/etc/*"]}, "must be relative"),
        ({"train": [""]}, "must be relative"),
        ({"train": []}, "list of file patterns"),
        ({"train": "a*"}, "list of file patterns"),
        ({"train": [1]}, "list of file patterns"),
        ({"train": {"ids": []}}, "list of file patterns"),
        ({"train": {"ids": ["a"], "files": []}}, "list of file patterns"),
        ({"train": {"ids": ["a"], "flies": []}}, "train: unknown key 'flies'"),
        ({"train": {"ids": [""]}}, "list of file patterns"),
        ({"train": {"ids": ["a", "b\udcff"]}}, "half a surrogate pair, which is no Unicode"),
        ({"train": {"ids": ["a"]}, "test": {"ids": ["b", "a"]}}, "'a' is in train and in test"),
        ({"train": {"ids": ["a", "b", "a"]}}, "id 'a' is twice in train"),
        ({"train": ["a*", "b"], "test": ["a*"]}, r"pattern 'a\*' is in train and in test"),
        ({"train": ["a*", "a*"]}, r"pattern 'a\*' is twice in train"),
        ({"Train": ["a*"]}, "unknown split 'Train'; did you mean 'train'"),
    ],
)
def test_malformed_splits_files(folder, content, words):
    with pytest.raises(DataError, match=words):
        load(written(folder, content))


def test_not_json(folder):
    path = folder / "splits.json"
    path.write_text("train: a")
    with pytest.raises(DataError, match="not readable as JSON"):
        load(path)


def test_a_split_that_stands_twice_in_the_file(folder):
    path = folder / "splits.json"
    path.write_text('{"train": ["a*"], "test": ["b*"], "train": ["c*"]}')
    with pytest.raises(DataError, match=r"splits.json: .*'train' comes twice; list it once"):
        load(path)


def test_a_file_in_two_splits_is_refused(folder):
    parts = {"train": Part(globs=("*.tfrecord",)), "test": Part(globs=("validate0011.*",))}
    with pytest.raises(DataError, match=r"validate0011.tfrecord: matches .* train and of test"):
        files_of("train", files(folder), folder, parts)


def test_no_file_names_patterns_and_what_is_there(folder):
    with pytest.raises(DataError, match=r"train\* matches none of validate0000.*\(12 files\)"):
        files_of("train", files(folder), folder, {"train": Part(globs=("train*",))})


@pytest.mark.parametrize(
    ("split", "words"), [("tset", "did you mean 'test'"), ("test", "no split 'test'")]
)
def test_unknown_and_absent_split(folder, split, words):
    with pytest.raises(DataError, match=words):
        files_of(split, files(folder), folder, {"train": Part(globs=("*",))})


def test_a_plain_name_that_is_missing_is_not_dropped_in_silence(folder):
    missing = folder / "validate0099.tfrecord"
    parts = {"train": Part(globs=("validate0000.tfrecord", missing.name))}
    assert missing in files_of("train", [*files(folder), missing], folder, parts)
