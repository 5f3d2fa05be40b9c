import json
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from kavc.data.membership import cache_key, hash_split, in_split, read_rosters
from kavc.data.roster import Roster
from kavc.data.source import Source
from kavc.data.splits import SPLITS, Part
from kavc.errors import DataError

FILES = {"a": ["v1", "v2"], "b": ["v3"], "c": ["v4", "v5"], "d": ["v6"]}


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def rosters(folder):
    """Reads the rosters by a splits file, and counts how often each file was read."""
    read = Counter()

    def roster(files):
        read.update(file.name for file in files)
        ids = np.array([i.encode() for file in files for i in FILES[file.name]], object)
        ones = np.ones(len(ids), bool)
        return Roster(ids, np.zeros(len(ids), np.int64), np.arange(len(ids) + 1), ones, ones)

    def run(content):
        (folder / "splits.json").write_text(json.dumps(content))
        source = (
            Source("kwai", folder, folder / "splits.json") if content else Source("kwai", folder)
        )
        parts = source.parts()
        found = read_rosters(
            source,
            list(parts or ("train", "validation", "test")),
            [folder / name for name in FILES],
            parts,
            count=lambda file: len(FILES[file.name]),
            read=roster,
        )
        return {name: b" ".join(r.ids).decode() for name, r in found.items()}, read

    return run


def test_by_patterns_only_their_files_are_read(rosters):
    found, read = rosters({"test": ["c", "a"], "train": ["d"]})
    assert found == {"test": "v1 v2 v4 v5", "train": "v6"}
    assert read == {"a": 1, "c": 1, "d": 1}


def test_by_ids_and_patterns_each_file_is_read_once(rosters):
    found, read = rosters({"train": ["a", "b"], "test": {"ids": ["v6", "v4"]}})
    assert found == {"train": "v1 v2 v3", "test": "v4 v6"}
    assert set(read.values()) == {1}


def test_by_hash(rosters):
    found, read = rosters({})
    ids = [f"v{i}" for i in range(1, 7)]
    split = hash_split(ids).numpy()
    for number, name in enumerate(("train", "validation", "test")):
        assert found[name].split() == [i for i, s in zip(ids, split, strict=True) if s == number]
    assert set(read.values()) == {1}


def test_a_pattern_that_holds_the_ids_of_another_split_is_refused(rosters, folder):
    with pytest.raises(DataError, match=rf"^kwai:{folder}: 2 ids \('v1', 'v4'\) are both in train"):
        rosters({"train": ["*"], "test": {"ids": ["v1", "v4"]}})


def test_ids_that_are_not_there_are_refused(rosters, folder):
    with pytest.raises(DataError, match=r"splits.json: test lists 2 ids, of which 1 id \('v9'\)"):
        rosters({"test": {"ids": ["v1", "v9"]}})


def test_the_key_follows_files_and_splits(folder):
    files = sorted(folder.iterdir())
    key = cache_key("f", files, None)
    assert key == cache_key("f", files, None)
    assert hash(key) != hash(cache_key("g", files, None))
    files[0].write_text("more")
    assert key != cache_key("f", files, None)


def test_hash_is_a_property_of_the_id_alone():
    ids = [f"video{i}" for i in range(20_000)]
    index = hash_split(ids).numpy()
    assert index[:16].tolist() == HASHED
    np.testing.assert_array_equal(hash_split(ids[::-1]).numpy(), index[::-1])
    shares = np.bincount(index, minlength=3) / len(ids)
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.012)  # 4 standard errors of 0.8


# Recorded once: a change would move videos of everyone's corpus from training to test.
HASHED = [0, 0, 0, 0, 2, 0, 2, 0, 0, 0, 1, 1, 0, 0, 0, 0]


def test_hash_shares():
    ids = [str(i) for i in range(1000)]
    assert set(hash_split(ids, (1.0, 0.0, 0.0)).numpy()) == {0}
    assert set(hash_split(ids, (0.0, 0.0, 1.0)).numpy()) == {2}
    with pytest.raises(ValueError, match="sum to 1"):
        hash_split(ids, (0.5, 0.1, 0.1))


def test_membership_in_graph():
    ids = tf.constant(["a", "b", "", "c", "z"])
    parts = {"train": Part(ids=("c", "a")), "test": Part(globs=("*",))}
    member = tf.function(in_split)
    assert member(ids, "train", parts).numpy().tolist() == [True, False, False, True, False]
    assert member(ids, "test", parts).numpy().all()
    by_hash = np.stack([member(ids, split, None).numpy() for split in SPLITS])
    np.testing.assert_array_equal(by_hash.sum(0), 1)
