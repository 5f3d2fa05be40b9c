import gzip
import struct

import pytest
import tensorflow as tf

from kavc.errors import DataError
from kavc.inputs import tfrecords
from kavc.inputs.crc32c import masked_crc32c
from kavc.inputs.tfrecords import first_record, open_records, records_of, what_else


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"first")
        writer.write(b"second, longer")
    return path


def test_the_first_record(file):
    assert first_record(file) == b"first"
    with open_records(file) as stream:
        assert stream.tell() == 0


def test_all_records(file):
    content = file.read_bytes()
    assert list(records_of(content)) == [b"first", b"second, longer"]
    assert list(records_of(b"")) == []


@pytest.mark.parametrize(
    ("spoilt", "before", "words"),
    [
        (lambda content: content[:-1], 1, "truncated record"),
        (lambda content: content + b"\0" * 11, 2, "truncated record"),
        (lambda content: content + b"\0" * 12, 2, "a length does not fit its checksum"),
        (lambda content: content[:-5] + b"\0" + content[-4:], 1, "a record does not fit its check"),
    ],
)
def test_records_up_to_what_is_damaged(file, spoilt, before, words):
    content, came = spoilt(file.read_bytes()), []
    with pytest.raises(ValueError, match=words):
        came.extend(records_of(content))
    assert len(came) == before


def test_records_whose_checksums_are_known_to_fit(file):
    content = file.read_bytes()
    spoilt = content[:-5] + b"\0" + content[-4:]
    assert list(records_of(spoilt, summed=True)) == [b"first", b"second, longe\0"]


def test_checksums_are_those_of_tensorflow(file):
    content = file.read_bytes()
    assert struct.pack("<I", masked_crc32c(content[:8])) == content[8:12]
    assert struct.pack("<I", masked_crc32c(b"first")) == content[17:21]


@pytest.mark.parametrize("size", [0x8B1F, 0x4B50, 0x213C])
def test_a_length_that_looks_like_another_format_is_none(tmp_path, size):
    """As 35,615 bytes, which is how a gzip file begins."""
    with tf.io.TFRecordWriter(str(tmp_path / "a")) as writer:
        writer.write(bytes(size))
    assert len(first_record(tmp_path / "a")) == size


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty (0 bytes); fetch or write it again"),
        (gzip.compress(b"x", mtime=0), "compressed by gzip; gunzip it"),
        (b"PK\3\4" + bytes(50), "a zip archive; unpack it"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page, as of a download that failed; fetch it again"),
        (b'<?xml version="1.0"?><Error>', "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "an HDF5 file"),
        (b"short", "cut off or damaged inside record 0 (5 bytes)"),
        (bytes(100), "the length of record 0 (counted from 0) does not fit its checksum"),
    ],
)
def test_what_else_it_may_be(tmp_path, content, words):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(content)
    for read in (open_records, first_record):
        with pytest.raises(DataError) as error:
            read(path)
        assert words in str(error.value)
        assert str(error.value).startswith(f"{path}: ")
        assert "\n" not in str(error.value)


def test_a_record_that_is_cut_or_too_large(file, monkeypatch):
    content = file.read_bytes()
    file.write_bytes(content[:15])
    with pytest.raises(DataError, match="cut off inside record 0"):
        first_record(file)
    size = struct.pack("<Q", 2**60)
    file.write_bytes(size + struct.pack("<I", masked_crc32c(size)) + b"x")
    with pytest.raises(DataError, match="larger than 64 MiB in record 0"):
        first_record(file)
    monkeypatch.setattr(tfrecords, "MAX_RECORD", 3)
    file.write_bytes(content)
    with pytest.raises(DataError, match="in record 0"):
        first_record(file)


def test_a_whole_head_is_no_other_format(file):
    assert what_else(file.read_bytes()[:12]) == ""
