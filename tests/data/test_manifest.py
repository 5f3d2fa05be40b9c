import json
import struct
import subprocess
import sys

import numpy as np
import pytest

from kavc.data.manifest import check_records, count_records, manifest_path, read_manifest
from kavc.data.schema import Field, video_spec
from kavc.data.tfrecord import write_records
from kavc.errors import DataError

SPEC = {"id": Field((), "string", ""), "audio": Field((None, 4), "float32", "")}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.tfrecord"
    rng = np.random.default_rng(0)
    examples = ({"id": f"v{i}", "audio": rng.normal(size=(i, 4))} for i in range(5))
    assert write_records(path, examples, SPEC) == 5
    return path


def starts(file):
    """Byte offsets of the records, and the file's length."""
    data, offsets = file.read_bytes(), [0]
    while offsets[-1] < len(data):
        offsets.append(offsets[-1] + 16 + struct.unpack_from("<Q", data, offsets[-1])[0])
    return offsets


@pytest.mark.parametrize("deep", [False, True])
def test_a_whole_file_passes(file, deep):
    (manifest,) = check_records([file], SPEC, deep=deep)
    assert manifest.records == 5 == count_records(file)
    assert manifest.size == file.stat().st_size
    assert manifest.schema["audio"] == {"shape": [None, 4], "dtype": "float32"}


def test_missing_file(tmp_path):
    for check in (count_records, lambda file: check_records([file])):
        with pytest.raises(DataError, match=r"none.tfrecord: no such file"):
            check(tmp_path / "none.tfrecord")


def test_empty_file(file):
    file.write_bytes(b"")
    with pytest.raises(DataError, match=r"a.tfrecord: empty \(0 bytes\)"):
        check_records([file])


@pytest.mark.parametrize("cut", [1, 5, 13, 30])
def test_cut_inside_a_record(file, cut):
    file.write_bytes(file.read_bytes()[: starts(file)[3] + cut])
    with pytest.raises(DataError, match=r"a.tfrecord: cut off or damaged inside record 3 of 5"):
        check_records([file])
    with pytest.raises(DataError, match="inside record 3"):
        count_records(file)


def test_cut_between_records(file):
    file.write_bytes(file.read_bytes()[: starts(file)[3]])
    assert count_records(file) == 3  # nothing in the file itself tells
    with pytest.raises(DataError, match=r"ends after record 2: 3 records, its manifest says 5"):
        check_records([file])


def test_a_changed_byte_is_found_by_a_deep_check(file):
    data = bytearray(file.read_bytes())
    data[starts(file)[2] + 20] ^= 1
    file.write_bytes(data)
    check_records([file])
    with pytest.raises(DataError, match=r"a.tfrecord: record 2 .* is damaged"):
        check_records([file], deep=True)


def test_another_file_of_the_same_size(file, tmp_path):
    other = tmp_path / "b.tfrecord"
    write_records(other, ({"id": f"w{i}", "audio": np.ones((i, 4))} for i in range(5)), SPEC)
    file.write_bytes(other.read_bytes())
    check_records([file])
    with pytest.raises(DataError, match="content changed after it was written"):
        check_records([file], deep=True)


def test_another_file_of_another_size(file, tmp_path):
    other = tmp_path / "b.tfrecord"
    write_records(other, ({"id": f"long{i}", "audio": np.ones((i, 4))} for i in range(5)), SPEC)
    file.write_bytes(other.read_bytes())
    with pytest.raises(DataError, match="bytes, its manifest says"):
        check_records([file])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: [], "expected an object"),
        (lambda m: {**m, "format": "other"}, "not a manifest"),
        (lambda m: {**m, "version": 2}, "format version 2, this release reads 1"),
        (lambda m: {**m, "records": -1}, "'records' is -1; expected 1 or more"),
        (lambda m: {**m, "records": True}, "'records' is True; expected a whole number"),
        (lambda m: {**m, "schema": None}, "'schema' is None; expected names, each with"),
        (lambda m: {**m, "schema": {"audio": {"shape": 4, "dtype": "float32"}}}, "'shape' is 4"),
        (lambda m: {k: v for k, v in m.items() if k != "sha256"}, "no 'sha256'; expected text"),
    ],
)
def test_foreign_manifests(file, change, words):
    path = manifest_path(file)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(DataError, match=words):
        read_manifest(file)


@pytest.mark.parametrize(("content", "words"), [(None, "no manifest"), ("{", "not readable")])
def test_missing_or_broken_manifest(file, content, words):
    manifest_path(file).unlink()
    if content is not None:
        manifest_path(file).write_text(content)
    with pytest.raises(DataError, match=words):
        check_records([file], SPEC)


def test_files_of_others_are_checked_by_what_they_say_themselves(file):
    manifest_path(file).unlink()
    assert check_records([file], deep=True) == []
    whole = file.read_bytes()
    spoilt = bytearray(whole)
    spoilt[starts(file)[2] + 20] ^= 1
    file.write_bytes(spoilt)
    check_records([file])
    with pytest.raises(DataError, match=r"a.tfrecord: record 2 .* is damaged"):
        check_records([file], deep=True)
    file.write_bytes(whole[:-1])
    with pytest.raises(DataError, match="inside record 4"):
        check_records([file])


def test_the_published_files_pass(shared, tmp_path):
    command = [sys.executable, shared / "data" / "youtube8m" / "unpack.py", tmp_path]
    subprocess.run([*command, "--shards", "0-0"], check=True)
    assert check_records(tmp_path.glob("*.tfrecord"), deep=True) == []


def test_another_schema(file):
    with pytest.raises(DataError, match=r"audio is \(any, 4\) float32 by its manifest, \(any, 5\)"):
        check_records([file], {"audio": Field((None, 5), "float32", "")})
    with pytest.raises(DataError, match="holds no 'visual', only audio, id"):
        check_records([file], {"visual": video_spec(4, 4)["visual"]})
