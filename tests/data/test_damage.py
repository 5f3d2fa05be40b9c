"""A damaged record is named with its file, where TensorFlow says nothing of it."""

from __future__ import annotations

import pytest
import tensorflow as tf

from kavc.data.damage import data_errors
from kavc.data.schema import Field
from kavc.data.tfrecord import read_batches
from kavc.errors import DataError

SPEC = {"id": Field((), "string", ""), "audio": Field((None, 2), "float32", "")}


def example(name, audio):
    feature = {"id": tf.train.Feature(bytes_list={"value": [name]}), "audio": audio}
    return tf.train.Example(features={"feature": feature}).SerializeToString()


FLOATS = tf.train.Feature(float_list={"value": [1.0, 2.0]})
WHOLE = tf.train.Feature(int64_list={"value": [1, 2]})


@pytest.fixture
def files(tmp_path):
    """Two files of three videos each."""

    def write(**records):
        for name in "ab":
            with tf.io.TFRecordWriter(str(tmp_path / name)) as writer:
                for number in range(3):
                    good = example(f"{name}{number}".encode(), FLOATS)
                    writer.write(records.get(f"{name}{number}", good))
        return [tmp_path / "a", tmp_path / "b"]

    return write


def read(files, named):
    with data_errors(named):
        return list(read_batches(files, SPEC))


def test_whole_files_are_read(files):
    assert len(read(files(), [])) == 2


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"\xff\xff", "does not fit its schema .*Could not parse example"),
        (example(b"b1", WHOLE), "does not fit its schema .*Expected type: float"),
    ],
)
def test_a_record_of_another_kind(files, record, words):
    written = files(b1=record)
    with pytest.raises(DataError, match=rf"^{written[1]}, record 1: {words}") as error:
        read(written, written)
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match=f"^a record {words}"):
        read(written, [])


def test_a_spoilt_byte(files):
    written = files()
    content = bytearray(written[1].read_bytes())
    content[-10] ^= 1
    written[1].write_bytes(content)
    with pytest.raises(DataError, match=rf"^{written[1]}: record 2 \(counted from 0\) is damaged"):
        read(written, written)
    with pytest.raises(
        DataError, match=r"^a TFRecord file is damaged .*check_records\(files, deep"
    ):
        read(written, [])
