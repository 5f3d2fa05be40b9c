import tempfile
from pathlib import Path

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kavc.data import tfrecord
from kavc.data.damage import data_errors
from kavc.data.manifest import check_records, manifest_path
from kavc.data.schema import Field, video_spec
from kavc.data.tfrecord import read_batches, read_records, write_records
from kavc.errors import DataError

SPEC = video_spec(3, 2)


def videos(count, seed=0, **changes):
    rng = np.random.default_rng(seed)
    for i in range(count):
        yield {
            "id": f"v{i}",
            "audio": rng.normal(size=(i % 4, 3)).astype("float32"),
            "visual": rng.normal(size=(1 + i % 2, 2)).astype("float32"),
            "theme": i % 5,
            **changes,
        }


def assert_same(read, written):
    for came, example in zip(read, written, strict=True):
        assert came["id"].decode() == example["id"]
        assert came["theme"] == example["theme"]
        np.testing.assert_array_equal(came["audio"], example["audio"])
        np.testing.assert_array_equal(came["visual"], example["visual"])


def test_there_and_back_over_batches_and_files(tmp_path):
    written = list(videos(150))
    paths = [tmp_path / "a.tfrecord", tmp_path / "b.tfrecord"]
    write_records(paths[0], written[:100], SPEC)
    write_records(paths[1], written[100:], SPEC)
    dataset = read_records(paths, SPEC)
    assert dataset.element_spec == {
        "id": tf.TensorSpec((), tf.string),
        "audio": tf.TensorSpec((None, 3), tf.float32),
        "visual": tf.TensorSpec((None, 2), tf.float32),
        "theme": tf.TensorSpec((), tf.int32),
    }
    for _ in range(2):  # the same order each time
        assert_same(dataset.as_numpy_iterator(), written)
    sizes = [len(b["id"]) for b in read_batches(paths, SPEC, at_once=64)]
    assert sizes == [64, 36, 50]


def test_zero_bytes_at_the_end_of_an_id_are_kept(tmp_path):
    spec = {"id": Field((), "string", ""), "names": Field((None,), "string", "")}
    write_records(tmp_path / "a", [{"id": b"a\0", "names": [b"\0", b"", b"b\0\0"]}], spec)
    (came,) = read_records([tmp_path / "a"], spec).as_numpy_iterator()
    assert came["id"] == b"a\0"
    assert came["names"].tolist() == [b"\0", b"", b"b\0\0"]


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_round_trip_of_any_shapes(data):
    width = data.draw(st.integers(1, 3), "width")
    spec = {
        "id": Field((), "string", ""),
        "x": Field((None, width, 2), "float32", ""),
        "n": Field((width,), "int32", ""),
    }
    floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
    examples = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "id": st.text(max_size=3),
                    "x": arrays.arrays(
                        "f4", (data.draw(st.integers(0, 3)), width, 2), elements=floats
                    ),
                    "n": arrays.arrays("i4", width),
                }
            ),
            min_size=1,
            max_size=5,
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tfrecord"
        write_records(path, examples, spec)
        for came, example in zip(
            read_records([path], spec).as_numpy_iterator(), examples, strict=True
        ):
            assert came["id"].decode() == example["id"]
            np.testing.assert_array_equal(came["x"], example["x"])
            np.testing.assert_array_equal(came["n"], example["n"])


def test_any_protobuf_reader_understands_the_records(tmp_path):
    write_records(tmp_path / "x.tfrecord", videos(3), SPEC)
    (*_, last) = tf.data.TFRecordDataset(str(tmp_path / "x.tfrecord")).as_numpy_iterator()
    feature = tf.train.Example.FromString(last).features.feature
    wanted = list(videos(3))[2]
    np.testing.assert_array_equal(
        np.float32(feature["audio"].float_list.value), wanted["audio"].ravel()
    )
    assert feature["theme"].int64_list.value == [2]


@pytest.mark.parametrize("values", [1, 31, 32, 4095, 4096, 300_000])
def test_packed_floats_of_any_length(values):
    array = np.arange(values, dtype="<f4")
    assert len(tfrecord._float_list(array).value) == values
    assert tfrecord._float_list(array).value[-1] == values - 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"audio": np.ones((2, 4))}, r"audio has shape \(2, 4\), \(any, 3\) is expected"),
        ({"audio": np.ones(3)}, r"audio has shape \(3,\)"),
        ({"visual": np.array([[1, np.nan]])}, "visual holds NaN or infinity"),
        ({"visual": np.array([["a", "b"]])}, "visual holds <U1, float32 is expected"),
        ({"theme": 1.5}, "theme holds float64, int32 is expected"),
    ],
)
def test_what_does_not_fit_is_not_written(tmp_path, changes, words):
    examples = [*videos(2), *videos(1, **changes)]
    with pytest.raises(DataError, match=rf"x.tfrecord, record 2 \(id v0\): {words}"):
        write_records(tmp_path / "x.tfrecord", examples, SPEC)
    assert not list(tmp_path.iterdir())


def test_missing_field_and_no_examples(tmp_path):
    with pytest.raises(DataError, match="no field 'theme'; it has audio, id"):
        write_records(tmp_path / "x", [{"id": "a", "audio": np.ones((1, 3))}], _only("id", "theme"))
    with pytest.raises(DataError, match="no example to write"):
        write_records(tmp_path / "x", [], SPEC)
    assert not list(tmp_path.iterdir())


def _only(*names):
    return {name: SPEC[name] for name in names}


def test_no_manifest_stands_beside_a_file_that_it_does_not_describe(tmp_path, monkeypatch):
    path = tmp_path / "x.tfrecord"
    write_records(path, videos(3), SPEC)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tfrecord, "write_manifest", killed)
    with pytest.raises(KeyboardInterrupt):
        write_records(path, videos(4), SPEC)
    assert not manifest_path(path).exists()
    with pytest.raises(DataError, match="no manifest"):
        check_records([path], SPEC)


def test_a_failed_write_leaves_the_old_file_and_its_manifest(tmp_path):
    path = tmp_path / "x.tfrecord"
    write_records(path, videos(3), SPEC)
    with pytest.raises(DataError):
        write_records(path, videos(2, theme=0.5), SPEC)
    assert check_records([path], SPEC, deep=True)[0].records == 3


def raw(path, *features):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for feature in features:
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    return path


def feature(value):
    if isinstance(value, str):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Feature(float_list=tf.train.FloatList(value=value))


GOOD = {"id": "it's", "audio": [0.0] * 6, "visual": [0.0] * 2, "theme": 1}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"audio": [0.0] * 4}, "audio is 3 wide by its schema, this record holds 4 values"),
        ({"audio": [0.0, np.nan, 0.0]}, "audio holds NaN or infinity"),
        ({"visual": [0.0, np.inf]}, "visual holds NaN or infinity"),
        ({"theme": 7}, "theme is not one of 0 to 4"),
        ({"theme": -1}, "theme is not one of 0 to 4"),
        ({"theme": None}, "theme is 1 wide by its schema, this record holds 0 values"),
    ],
)
def test_an_unfit_record_is_named(tmp_path, changes, words):
    record = {name: feature(v) for name, v in {**GOOD, **changes}.items() if v is not None}
    good = {name: feature(v) for name, v in GOOD.items()}
    path = raw(tmp_path / "x.tfrecord", *[good] * 70, record, good)
    with (
        pytest.raises(DataError, match=rf"x.tfrecord, record 70 \(id it's\): {words}") as caught,
        data_errors(),
    ):
        list(read_records([path], SPEC, limits={"theme": 5}))
    assert "\n" not in str(caught.value)


def test_an_unfit_record_among_records_without_audio(tmp_path):
    record = {name: feature(v) for name, v in {**GOOD, "audio": [], "theme": 9}.items()}
    path = raw(tmp_path / "x.tfrecord", record)
    with pytest.raises(DataError, match=r"record 0 \(id it's\): theme is not one"), data_errors():
        list(read_records([path], SPEC, limits={"theme": 5}))


def test_other_faults_of_records(tmp_path):
    path = raw(tmp_path / "x.tfrecord", {"id": feature(3)})
    with pytest.raises(DataError, match=r"does not fit its schema \(.*Key: id"), data_errors():
        list(read_records([path], SPEC))
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"no protobuf")
    with pytest.raises(DataError, match="Could not parse example"), data_errors():
        list(read_records([path], SPEC))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="damaged or cut"), data_errors():
        list(read_records([path], SPEC))


def test_other_errors_pass_through():
    with pytest.raises(tf.errors.InvalidArgumentError), data_errors():
        tf.debugging.Assert(False, ["something else"])
