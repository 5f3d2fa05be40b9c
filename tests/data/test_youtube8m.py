import gzip
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kavc.data import youtube8m
from kavc.data.damage import data_errors
from kavc.data.source import Source
from kavc.data.youtube8m_records import detect, silent
from kavc.errors import DataError


def feature(value):
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    value = np.asarray(value)
    if value.dtype.kind == "i":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=value.ravel().tolist()))
    return tf.train.Feature(float_list=tf.train.FloatList(value=value.ravel().tolist()))


def features(values):
    return tf.train.Features(feature={name: feature(v) for name, v in values.items()})


def write(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record.SerializeToString())
    return path


def video(index, key="id", **changes):
    rng = np.random.default_rng(index)
    values = {
        key: f"v{index:03d}".encode(),
        "labels": np.arange(index % 3),
        "mean_rgb": rng.normal(size=1024).astype("float32"),
        "mean_audio": rng.normal(size=128).astype("float32"),
    }
    merged = {name: v for name, v in {**values, **changes}.items() if v is not None}
    return tf.train.Example(features=features(merged))


def frames(index, seconds, key="id", widths=(1024, 128)):
    rng = np.random.default_rng(index)
    quantised = [rng.integers(0, 256, (seconds, width), dtype=np.uint8) for width in widths]
    lists = {
        name: tf.train.FeatureList(feature=[feature(row.tobytes()) for row in rows])
        for name, rows in zip(("rgb", "audio"), quantised, strict=True)
    }
    context = {key: f"v{index:03d}".encode(), "labels": np.array([index, 7])}
    record = tf.train.SequenceExample(
        context=features(context), feature_lists=tf.train.FeatureLists(feature_list=lists)
    )
    return SimpleNamespace(record=record, rgb=quantised[0], audio=quantised[1])


def read(path, split="train", **options):
    with data_errors():
        source = Source("youtube8m", path)
        return list(youtube8m.read(source, split, **options).as_numpy_iterator())


@pytest.mark.parametrize(("key", "classes"), [("id", 3862), ("video_id", 4716)])
def test_video_level_of_both_releases(tmp_path, key, classes):
    records = [video(i, key) for i in range(5)]
    file = write(tmp_path / "train0007.tfrecord", records)
    write(tmp_path / "validate0000.tfrecord", [video(9, key)])
    assert (detect(file).level, detect(file).classes) == ("video", classes)
    came = read(tmp_path)
    assert [e["id"] for e in came] == [f"v{i:03d}".encode() for i in range(5)]
    assert [e["labels"].tolist() for e in came] == [[], [0], [0, 1], [], [0]]
    for example, record in zip(came, records, strict=True):
        stored = record.features.feature["mean_audio"].float_list.value
        np.testing.assert_array_equal(example["audio"], np.float32([stored]))
        assert example["visual"].shape == (1, 1024)
    loaded = youtube8m.load(Source("youtube8m", tmp_path), "train")
    np.testing.assert_array_equal(loaded["visual"], np.concatenate([e["visual"] for e in came]))
    assert loaded["label_lengths"].tolist() == [0, 1, 2, 0, 1]
    assert loaded["labels"].tolist() == [0, 0, 1, 0]


def test_static_shapes(tmp_path):
    write(tmp_path / "train0.tfrecord", [video(0)])
    write(tmp_path / "test0.tfrecord", [frames(0, 2).record])
    source = Source("youtube8m", tmp_path)
    spec = youtube8m.read(source, "train").element_spec
    assert spec["audio"] == tf.TensorSpec((1, 128), tf.float32)
    assert spec["labels"] == tf.TensorSpec((None,), tf.int64)
    spec = youtube8m.read(source, "test").element_spec
    assert spec["visual"] == tf.TensorSpec((None, 1024), tf.float32)


def test_labels_may_be_absent(tmp_path):
    write(tmp_path / "test0000.tfrecord", [video(1, labels=None)])
    assert read(tmp_path, "test")[0]["labels"].tolist() == []


@pytest.mark.parametrize("key", ["id", "video_id"])
def test_frame_level_is_dequantised(tmp_path, key):
    made = [frames(i, 5 + 30 * i, key) for i in range(10)]
    file = write(tmp_path / "train0000.tfrecord", [m.record for m in made])
    assert detect(file).level == "frame"
    came = read(tmp_path)
    for index, (example, m) in enumerate(zip(came, made, strict=True)):
        assert example["id"] == f"v{index:03d}".encode()
        assert example["labels"].tolist() == [index, 7]
        for name, quantised in (("visual", m.rgb), ("audio", m.audio)):
            expected = quantised.astype("float64") * 4 / 255 + 4 / 512 - 2
            # float32 of values below 2.01: half a unit in the last place is 1.2e-7, twice rounded
            np.testing.assert_allclose(example[name], expected, atol=5e-7)


def test_frames_are_evenly_spaced_and_steps_cropped(tmp_path):
    made = [frames(0, 80), frames(1, 3), frames(2, 10)]
    write(tmp_path / "train0000.tfrecord", [m.record for m in made])
    whole = read(tmp_path)
    came = read(tmp_path, frames=8, max_steps=6)
    for example, full, picked in zip(
        came,
        whole,
        ([5, 15, 25, 35, 45, 55, 65, 75], [0, 1, 2], [0, 1, 3, 4, 5, 6, 8, 9]),
        strict=True,
    ):
        np.testing.assert_array_equal(example["visual"], full["visual"][picked])
        np.testing.assert_array_equal(example["audio"], full["audio"][:6])


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([video(0), video(1, mean_audio=np.zeros(130))], "mean_audio is 128 wide .* holds 130"),
        ([video(0), video(1, mean_audio=None)], "mean_audio is 128 wide .* holds 0"),
        ([video(0), video(1, mean_rgb=np.full(1024, np.nan))], "mean_rgb holds NaN"),
        ([video(0), video(1, labels=np.array([3862]))], "labels is not one of 0 to 3861"),
        ([frames(0, 2).record, frames(1, 3, widths=(1024, 127)).record], "audio must hold 128"),
        ([frames(0, 2).record, frames(1, 3, widths=(1000, 128)).record], "rgb must hold 1024"),
    ],
)
def test_unfit_records_are_named(tmp_path, records, words):
    write(tmp_path / "train0000.tfrecord", records)
    with pytest.raises(DataError, match=rf"train0000.tfrecord, record 1 \(id v001\): {words}"):
        read(tmp_path)


def test_two_values_a_second(tmp_path):
    record = frames(1, 3).record
    first = record.feature_lists.feature_list["audio"].feature[1].bytes_list.value
    first.append(first[0])
    write(tmp_path / "train0000.tfrecord", [record])
    with pytest.raises(DataError, match=r"record 0 \(id v001\): audio must hold one value"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"train0000.tfrecord: empty \(0 bytes\)"),
        (b"short", "cut off or damaged inside record 0"),
        (gzip.compress(b"records", mtime=0), "no TFRecord file but compressed by gzip; gunzip it"),
        (b"\n<!DOCTYPE html><html>404</html>", "no TFRecord file but a web page"),
        (b"not a record of anything", "the length of record 0 .* does not fit its checksum"),
        ([tf.train.Example(features=features({"x": b"y"}))], "not YouTube-8M; .* it has x"),
        ([video(0, mean_audio=None)], "not YouTube-8M"),
        ([video(0, id=None)], "it needs id or video_id"),
    ],
)
def test_other_files(tmp_path, content, words):
    file = tmp_path / "train0000.tfrecord"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        write(file, content)
    with pytest.raises(DataError, match=words):
        read(tmp_path)


def test_splits(tmp_path):
    for index in range(3):
        write(tmp_path / f"validate000{index}.tfrecord", [video(2 * index), video(2 * index + 1)])
    with pytest.raises(DataError, match=r"train\*.tfrecord matches none of validate0000.tfrecord"):
        read(tmp_path)
    assert len(read(tmp_path, "validation")) == 6
    file = tmp_path / "splits.json"
    file.write_text(json.dumps({"train": ["validate000[01]*"], "test": ["*2.tfrecord"]}))
    source = Source("youtube8m", tmp_path, file)
    assert youtube8m.describe(source)["counts"] == {"train": 4, "test": 2}
    file.write_text(json.dumps({"train": {"ids": ["v004", "v001"]}}))
    assert [e["id"] for e in youtube8m.read(source, "train")] == [b"v001", b"v004"]
    assert youtube8m.load(source, "train")["label_lengths"].tolist() == [1, 1]
    assert youtube8m.describe(source)["counts"] == {"train": 2}
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match=r"no files named train\*.tfrecord, val"):
        youtube8m.describe(Source("youtube8m", tmp_path / "other"))


def test_frame_level_is_not_loaded_whole(tmp_path):
    write(tmp_path / "train0000.tfrecord", [frames(0, 2).record])
    with pytest.raises(DataError, match="frame level; only video level"):
        youtube8m.load(Source("youtube8m", tmp_path), "train")


def test_silent():
    start = [0.721538, -1.568658, -0.015717, -0.501991]
    rest = np.full(124, np.sqrt((6.484**2 - np.sum(np.square(start))) / 124))
    silence = np.concatenate([start, rest])
    audio = np.stack([silence, 1.01 * silence, 0 * silence, np.ones(128), np.r_[start, 0 * rest]])
    audio = audio.astype("float32")
    assert silent(audio[:, None]).numpy().tolist() == [True, False, True, False, False]
    seconds = tf.RaggedTensor.from_row_lengths(audio[[0, 0, 0, 3, 2]], [3, 1, 1, 0])
    assert silent(seconds).numpy().tolist() == [True, False, True, True]


@pytest.mark.parametrize("level", ["video", "frame"])
def test_themes_of_both_levels_and_silent_videos(tmp_path, level):
    rows = "Index,Name,Vertical1\n7,g,Games\n" + "".join(f"{i},c,Cars\n" for i in range(7))
    (tmp_path / "vocabulary.csv").write_text(rows)
    if level == "video":
        zero, several = {"mean_audio": np.zeros(128)}, {"labels": np.array([1, 7])}
        records = [video(2), video(4, **several), video(5, **zero), video(7)]
    else:
        records = [frames(i, 9).record for i in (7, 3, 7)]
    write(tmp_path / "train0000.tfrecord", records)
    source = Source("youtube8m", tmp_path)
    described = youtube8m.describe_themes(source, min_count=1)
    came = list(youtube8m.read_themes(source, "train", 1, frames=4).as_numpy_iterator())
    if level == "video":
        assert described["classes"] == ("Cars",)
        assert [(e["id"], len(e["audio"])) for e in came] == [
            (b"v002", 1),
            (b"v005", 0),
            (b"v007", 1),
        ]
        assert described["notes"][0].endswith("1 of the 3 are silent")
    else:
        assert described["classes"] == ("Games",)
        assert [(e["audio"].shape, e["visual"].shape) for e in came] == [((9, 128), (4, 1024))] * 2
    assert described["counts"] == {"train": len(came)}


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    """Three real shards, one a split."""
    folder = tmp_path_factory.mktemp("yt8m")
    data = shared / "data" / "youtube8m"
    command = [sys.executable, data / "unpack.py", folder, "--shards", "79-80"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    command[-1] = "90-90"
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (folder / "vocabulary.csv").write_bytes((data / "vocabulary.csv").read_bytes())
    return Source("youtube8m", folder, data / "splits.json")


def test_real_shards(real):
    described = youtube8m.describe(real)
    assert described["widths"] == {"audio": 128, "visual": 1024}
    assert described["classes"][:2] == ("Game", "Video game")
    total = 0
    for split, count in described["counts"].items():
        columns = youtube8m.load(real, split)
        total += count
        assert len(columns["id"]) == len(set(columns["id"])) == count
        assert 243 <= count <= 342  # one shard a split
        assert columns["labels"].max() < 3862
        assert columns["label_lengths"].min() > 0
        assert np.abs(columns["visual"]).max() < 2.0079
    assert len(described["counts"]) == 3 and total > 729


def test_real_themes(real):
    described = youtube8m.describe_themes(real, min_count=10)
    themes = described["classes"]
    assert {"Arts & Entertainment", "Games"} <= set(themes) and list(themes) == sorted(themes)
    words = youtube8m.vocabulary.read(youtube8m.vocabulary.find(real))
    loaded = youtube8m.load(real, "train")
    ends = np.cumsum(loaded["label_lengths"])[:-1]
    labels = dict(zip(loaded["id"], np.split(loaded["labels"], ends), strict=True))
    quiet = set(loaded["id"][silent(loaded["audio"][:, None]).numpy()])
    examples = list(youtube8m.read_themes(real, "train", min_count=10).as_numpy_iterator())
    assert len(examples) == described["counts"]["train"]
    assert described["notes"][0].startswith(f"train: {len(examples)} of {len(labels)} videos")
    for example in examples:
        verticals = {words.verticals[label] for label in labels[example["id"]]}
        assert verticals == {themes[example["theme"]]}
        assert example["visual"].shape == (1, 1024)
        assert len(example["audio"]) == (example["id"] not in quiet)
