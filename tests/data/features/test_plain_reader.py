"""A corpus read without TensorFlow: as it was written, or one line of what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kavc.data.features.header import read_header
from kavc.data.features.plain_reader import read_arrays
from kavc.data.features.writer import write_corpus
from kavc.data.manifest import write_manifest
from kavc.errors import DataError

NAMES = ["audio", "audio_times", "frames", "vector"]


@pytest.fixture
def videos():
    rng = np.random.default_rng(0)
    return [
        {
            "id": f"ü{n}",
            "labels": [n],
            "audio": rng.normal(size=(n, 3)).astype("f4"),
            "audio_times": np.arange(n, dtype="f4"),
            "frames": rng.normal(size=(2, 4, 5)).astype("f4"),
            "vector": rng.normal(size=7).astype("f4"),
        }
        for n in (2, 0, 1, 3)
    ]


@pytest.fixture
def corpus(videos, tmp_path):
    """Of two files."""
    write_corpus(tmp_path / "corpus", videos, list("abcd"), shard=3)
    return tmp_path / "corpus"


def test_it_is_as_it_was_written(corpus, videos):
    for (id_, arrays), video in zip(read_arrays(corpus, NAMES), videos, strict=True):
        assert id_.decode() == video["id"] and list(arrays) == NAMES
        for name, array in arrays.items():
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array, video[name])


def second(corpus, record):
    """Has the first file hold a good record and another, and a manifest that agrees."""
    [file, *_] = sorted(corpus.glob("*.tfrecord"))
    good = next(iter(tf.data.TFRecordDataset(str(file)))).numpy()
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(good)
        writer.write(record)
    write_manifest(file, file, read_header(corpus).spec, 2)
    return file


def example(**features):
    kinds = {bytes: ("bytes_list", tf.train.BytesList), float: ("float_list", tf.train.FloatList)}
    made = {}
    for name, values in features.items():
        kind, of = kinds[type(values[0])]
        made[name] = tf.train.Feature(**{kind: of(value=values)})
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"\xff\xff", " is no example of TensorFlow; write the corpus again"),
        (example(vector=[1.0] * 7), " has no id; write the corpus again"),
        (example(id=[b"a"]), " (id 'a'): vector: 0 values, not 7 as its header says"),
        (example(id=[b"a"], vector=[float("nan")] * 7), " (id 'a'): vector holds NaN or infinity"),
        (
            example(id=[b"a"], vector=[1.0] * 7, audio=[1.0] * 4),
            " (id 'a'): audio: 4 values, not a multiple of 3 as its header says",
        ),
    ],
)
def test_a_record_that_does_not_fit(corpus, record, words):
    file = second(corpus, record)
    with pytest.raises(DataError) as error:
        list(read_arrays(corpus, ["vector", "audio"]))
    assert str(error.value) == f"{file}, record 1{words}"


def test_a_byte_that_changed(corpus):
    [*_, file] = sorted(corpus.glob("*.tfrecord"))
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"record 0 \(counted from 0\) is damaged"):
        next(read_arrays(corpus, NAMES))


def test_a_damaged_file_is_told_where_there_is_no_tensorflow(corpus, alone):
    [*_, file] = sorted(corpus.glob("*.tfrecord"))
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    code = (
        "import sys; from kavc.data.features.plain_reader import read_arrays\n"
        "try: next(read_arrays(sys.argv[1], ['audio']))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    told = alone(corpus, code=code)
    assert told.startswith(f"DataError {file}: record 0 (counted from 0) is damaged")


def test_a_file_that_its_splits_name_and_that_is_gone(videos, tmp_path):
    splits = {"train": videos[:2], "validation": videos[2:3], "test": videos[3:]}
    write_corpus(tmp_path / "split", splits, list("abcd"))
    (tmp_path / "split" / "test-00000.tfrecord").unlink()
    with pytest.raises(DataError, match=r"test-00000\.tfrecord: no such file"):
        list(read_arrays(tmp_path / "split", NAMES))


def test_what_is_missing(corpus):
    for file in corpus.glob("*.tfrecord"):
        file.unlink()
    with pytest.raises(DataError, match=r"no \*\.tfrecord files beside corpus\.json"):
        next(read_arrays(corpus, NAMES))
