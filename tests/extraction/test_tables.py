"""A corpus with labels and splits, as the systems read it, and what a run keeps of it."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from kavc.data.source import Source
from kavc.errors import DataError
from kavc.systems.registry import get
from kavc.training.data_facts import EXTRACTORS, facts_in, facts_of

pytestmark = pytest.mark.usefixtures("in_process")


def table(folder, *rows):
    path = folder / "table.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def read(out, split, view):
    source = Source.parse(f"features:{out}")
    return list(source.read(split, view).as_numpy_iterator())


THEMES = ("id", "file", "theme", "split", "title")


def test_themes_and_splits_as_a_system_reads_them(extract, clips, whole, tmp_path):
    path = table(
        tmp_path, THEMES, ("third", "clips/c.mkv", "Food", "train", "C, or “ç”"),
        ("first", "clips/a.mkv", "Cars", "train", "A"),
        ("second", "clips/b.mkv", "Food", "test", ""),
        ("more", "clips/a.mkv", "Art", "validation", "again"),
    )  # fmt: skip
    found = extract([], tmp_path / "out", table=path, keep=["title"])
    assert (found.clips, found.failed) == (4, [])
    view = get("ti-avc").view(get("ti-avc").Config())
    train, test = (read(tmp_path / "out", split, view) for split in ("train", "test"))
    assert [example["id"] for example in train] == [b"first", b"third"]
    assert [int(example["theme"]) for example in train] == [1, 2]
    assert [example["id"] for example in test] == [b"second"] and int(test[0]["theme"]) == 2
    assert train[0]["audio"].shape == (4, 3) and train[0]["visual"].shape == (4, 5)
    content = json.loads((tmp_path / "out/corpus.json").read_text())
    assert content["classes"] == ["Art", "Cars", "Food"]
    assert set(content["splits"]) == {"train", "validation", "test"}
    titles = {example["id"]: example["title"].decode() for example in records(tmp_path / "out")}
    assert titles == {b"first": "A", b"second": "", b"third": "C, or “ç”", b"more": "again"}
    plain = {example["id"]: example["audio"] for example in records(whole)}
    np.testing.assert_array_equal(train[0]["audio"], plain[b"a"])


def records(out):
    from kavc.data.features.header import read_header
    from kavc.data.tfrecord import read_records

    for example in read_records(sorted(out.glob("*.tfrecord")), read_header(out).spec):
        yield {name: value.numpy() for name, value in example.items()}


def test_labels_of_clips_that_are_found_by_id(extract, clips, tmp_path):
    shutil.copy(clips / "a.mkv", clips / "other.mkv")
    path = table(
        tmp_path, ("id", "labels"), ("a", "Dog|Speech"), ("b", ""), ("c", "Cat"), ("d", "Bell")
    )
    (clips / "c.mkv").write_text("spoilt")
    found = extract(clips, tmp_path / "out", table=path)
    assert found.clips == 2 and [row[0] for row in sorted(found.failed)] == ["c", "d"]
    content = json.loads((tmp_path / "out/corpus.json").read_text())
    assert content["classes"] == ["Bell", "Cat", "Dog", "Speech"]  # also those that no clip has
    labels = {example["id"]: example["labels"].tolist() for example in records(tmp_path / "out")}
    assert labels == {b"a": [2, 3], b"b": []}


def test_a_row_without_a_clip_keeps_what_was_made_of_it(extract, clips, tmp_path):
    path = table(tmp_path, ("id", "theme"), ("a", "Dog"), ("b", "Cat"), ("c", "Cat"))
    first = extract([clips / "a.mkv"], tmp_path / "out", table=path)
    assert first.clips == 1 and [row[0] for row in first.failed] == ["b", "c"]
    second = extract([clips / "b.mkv", clips / "c.mkv"], tmp_path / "out", table=path)
    assert (second.clips, second.made, second.failed) == (3, 2, [])
    extract(clips, tmp_path / "anew", table=path)
    for file in (tmp_path / "anew").glob("*.tfrecord"):
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()


def test_a_split_of_which_nothing_is_left(extract, clips, tmp_path):
    path = table(tmp_path, ("id", "theme", "split"), ("a", "x", "train"), ("gone", "y", "test"))
    assert extract(clips, tmp_path / "out", table=path).clips == 1
    content = json.loads((tmp_path / "out/corpus.json").read_text())
    assert set(content["splits"]) == {"train"} and content["classes"] == ["x", "y"]


def test_a_file_of_the_table_that_is_not_there(extract, clips, tmp_path):
    path = table(
        tmp_path, ("id", "file"), ("a", "clips/a.mkv"), ("b", "nowhere.mp4"), ("c", ""),
        ("d", "/dev/null"),
    )  # fmt: skip
    found = extract([], tmp_path / "out", table=path)
    reasons = {id_: reason for id_, _, reason in found.failed}
    assert found.clips == 1 and reasons == {
        "b": "no such file", "c": "a folder; a file is expected",
        "d": "a device; a file is expected",
    }  # fmt: skip


def test_a_run_knows_what_made_its_arrays(extract, clips, weights, tmp_path):
    path = table(
        tmp_path, ("id", "theme", "split"), ("a", "x", "train"), ("b", "y", "validation"),
        ("c", "y", "test"),
    )  # fmt: skip
    extract(clips, tmp_path / "out", table=path)
    source, system = Source.parse(f"features:{tmp_path / 'out'}"), get("ti-avc")
    facts = facts_in(json.loads(json.dumps(facts_of(source, system.describe(source)))), "data.json")
    assert set(facts[EXTRACTORS]) == {"audio", "visual"}
    made_by = facts[EXTRACTORS]["visual"]
    assert made_by["extractor"] == "small-frames" and made_by["options"]["frames"] == "rate:2"
    before = made_by["weights"]["small-frames"]["sha256"]
    changed = shutil.copytree(weights, tmp_path / "weights")
    with np.load(changed / "small-frames.npz") as arrays:
        kernel = arrays["kernel"]
    kernel.view(np.uint8)[0, 0] ^= 1
    np.savez(changed / "small-frames.npz", kernel=kernel)
    extract(clips, tmp_path / "changed", table=path, files=changed)
    content = json.loads((tmp_path / "changed/corpus.json").read_text())
    after = content["provenance"]["arrays"]["visual"]["weights"]["small-frames"]["sha256"]
    assert after != before and len(after) == 64


def test_an_odd_table_is_refused_before_anything_is_made(extract, clips, tmp_path):
    path = table(tmp_path, ("id", "splits"), ("a", "train"))
    with pytest.raises(DataError, match="split"):
        extract(clips, tmp_path / "out", table=path)
    assert not (tmp_path / "out").exists()
