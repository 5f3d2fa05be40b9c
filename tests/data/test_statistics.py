"""Statistics of arrays against NumPy's, and over the first videos of a source."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.data import statistics as module
from kavc.data.features.writer import write_corpus
from kavc.data.layouts import View
from kavc.data.schema import Field
from kavc.data.source import Source
from kavc.data.statistics import Moments, measure, statistics
from kavc.errors import DataError

# Sums are float64's; the features are float32.
CLOSE = {"rel": 1e-6, "abs": 1e-9}


@pytest.fixture
def rows():
    draw = np.random.default_rng(0)
    values = draw.normal(3, 2, (60, 5)).astype(np.float32)
    values[7] = values[3]
    values[11] = 0
    values[:, 2] = -1.5
    return values


def test_against_numpy(rows):
    found = measure("x", rows)
    exact = rows.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1)
    expected = {
        "mean": exact.mean(),
        "std": exact.std(),
        "least": exact.min(),
        "most": exact.max(),
        "zeros": np.mean(exact == 0),
        "negative": np.mean(exact < 0),
        "whole": np.mean(exact == np.round(exact)),
        "ends": np.mean((exact <= -1.992) | (exact >= 1.9999)),
        "length": lengths.mean(),
        "within": exact.var(axis=0).mean() / exact.var(),
    }
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected, **CLOSE)
    assert found.lengths == pytest.approx((lengths[lengths > 0].min(), lengths.max()), **CLOSE)
    assert (found.rows, found.width, found.constant, found.repeated) == (60, 5, 1, 1)
    assert not found.unit and found.grid == ""


def test_parts_are_joined_without_loss():
    """A sum of squares of such values would have no digit of the deviation left."""
    values = (1e5 + np.random.default_rng(1).normal(size=(1000, 3))).astype(np.float32)
    whole, parts = Moments(3), Moments(3)
    whole.add(values)
    for part in np.array_split(values, 37):
        parts.add(part)
    for name, value in whole.result().items():
        assert parts.result()[name] == pytest.approx(value, rel=1e-9)
    assert parts.result()["std"] == pytest.approx(values.astype(np.float64).std(), rel=1e-6)


def test_negative_zero_is_the_same_row_and_no_negative_value():
    found = measure("x", np.array([[0.0, 1.0], [-0.0, 1.0]]))
    assert (found.repeated, found.negative, found.zeros) == (1, 0, 0.5)


BYTES = np.arange(256, dtype=np.float64).reshape(2, 128)


@pytest.mark.parametrize(
    ("values", "grid"),
    [
        (BYTES, "u"),
        (BYTES * 4 / 255 + 4 / 512 - 2, "u*4/255 + 4/512 - 2"),
        (BYTES * 4 / 255 - 2, "u*4/255 - 2"),
        (BYTES * 4 / 255 + 4 / 512 - 2 + 4 / 255, ""),  # one step past the highest byte
        (BYTES * 4 / 255 + 4 / 512 - 1.999, ""),
        (BYTES + 0.25, ""),
        (BYTES - 1, ""),
        (BYTES % 2, ""),  # 0 and 1 are no bytes
    ],
)
def test_grids(values, grid):
    assert measure("audio", values).grid == grid


def test_rows_of_length_one_may_have_zeros_among_them(rows):
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    assert measure("x", unit.astype(np.float16)).unit
    assert not measure("x", 0 * unit).unit


def test_rows_that_are_not_finite_are_counted_and_left_out(rows):
    spoilt = np.concatenate([rows, np.full((2, 5), np.nan)])
    spoilt[-1, 1:] = 1
    found = measure("x", spoilt)
    assert found.not_finite == 2
    assert found.std == measure("x", rows).std
    nothing = measure("x", spoilt[-2:])
    assert (nothing.rows, nothing.not_finite, nothing.unit) == (0, 2, False)


def corpus(path, count=7, **arrays):
    """Videos with 4 rows of `audio` that are their number, and 2 maps of 3 cells."""

    def video(number):
        audio = np.full((4, 6), number, np.float32)
        audio[0, 0] = -number
        maps = np.full((2, 3, 5), number, np.float32)
        return {"id": f"v{number}", "audio": audio, "visual": maps[:, 0], "maps": maps} | {
            name: make(number) for name, make in arrays.items()
        }

    videos = [video(number) for number in range(count)]
    write_corpus(path, {"train": videos[:4], "validation": videos[4:6], "test": videos[6:]})
    return Source("features", path)


def of(found, name):
    return next(array for array in found if array.name == name)


def test_all_arrays_of_a_corpus_split_after_split(tmp_path):
    found = statistics(corpus(tmp_path / "corpus"), ["train", "validation"], videos=5)
    assert [array.name for array in found] == ["audio", "visual", "maps"]
    audio, maps = of(found, "audio"), of(found, "maps")
    assert (audio.videos, audio.rows, audio.width, audio.most) == (5, 20, 6, 4)
    assert (maps.rows, maps.width) == (5 * 2 * 3, 5)  # a row a cell
    assert audio.zeros == 1 / 5  # a silent video keeps its rows


def test_the_sample_ends_where_an_array_has_its_bytes(tmp_path):
    source = corpus(tmp_path / "corpus")
    found = statistics(source, ["train"], most_bytes=2 * 2 * 3 * 5 * 4)  # two videos of the maps
    assert {array.name: array.videos for array in found} == dict.fromkeys(
        ("audio", "visual", "maps"), 2
    )


def test_what_is_looked_at_together_changes_nothing(rows, monkeypatch):
    at_once = measure("x", rows)
    monkeypatch.setattr(module, "_BLOCK", 1)
    sample = module._Sample()
    for part in np.array_split(rows, 7):
        sample.add(part)
    parts = sample.finish("x", Field((None, 5), "float32", ""))
    for name in ("mean", "std", "length", "within"):
        assert getattr(parts, name) == pytest.approx(getattr(at_once, name), rel=1e-12)
    for name in ("rows", "zeros", "whole", "lengths", "repeated", "constant"):
        assert getattr(parts, name) == getattr(at_once, name)


def test_hops_are_those_of_the_times(tmp_path):
    times = {
        "audio_times": lambda _: np.float32([0, 0.5, 1, 1.5]),
        "visual_times": lambda n: np.float32([0, 1 + n]),
    }
    found = statistics(corpus(tmp_path / "corpus", **times), ["train"])
    assert [array.name for array in found] == ["audio", "visual", "maps"]
    hops = {array.name: (array.hop, array.uneven) for array in found}
    assert hops == {"audio": (0.5, False), "visual": (2.5, True), "maps": (None, False)}


@pytest.mark.parametrize("level", ["video", "frame"])
def test_youtube8m(tmp_path, shard, level):
    shard(tmp_path / "train0.tfrecord", {f"video-{n}": [1] for n in range(3)}, level=level)
    found = statistics(Source("youtube8m", tmp_path))
    rows = 3 if level == "video" else 6
    assert [(a.name, a.width, a.rows) for a in found] == [
        ("audio", 128, rows), ("visual", 1024, rows)
    ]  # fmt: skip
    if level == "frame":
        assert {array.grid for array in found} == {"u*4/255 + 4/512 - 2"}


def test_a_record_that_does_not_fit_is_named(tmp_path, shard):
    shard(tmp_path / "train0.tfrecord", {"good": [1], "bad": [99999]})
    with pytest.raises(DataError, match=r"train0.tfrecord, record 1 \(id bad\)"):
        statistics(Source("youtube8m", tmp_path), ["train"])


def test_llp_with_and_without_gaps(tmp_path):
    from kavc.data.synthetic import llp
    from kavc.data.synthetic.llp_knobs import knobs

    counts = {"train": 6, "validation": 4, "test": 4}
    llp.write(tmp_path / "llp", knobs("default"), counts=counts, sample_seed=1)
    source = Source("llp", tmp_path / "llp")
    names = [array.name for array in statistics(source, ["test"])]
    assert sorted(names) == ["audio", "visual", "visual_3d"]
    (file, *_) = sorted((tmp_path / "llp").rglob("vggish/*.npy"))
    file.unlink()
    every = ["train", "validation", "test"]
    videos = {array.name: array.videos for array in statistics(source, every)}
    assert videos == {"audio": 13, "visual": 14, "visual_3d": 14}


@pytest.fixture
def ave(tmp_path):
    from kavc.data.synthetic import ave
    from kavc.data.synthetic.ave_knobs import knobs

    counts = {"train": 8, "validation": 4, "test": 4}
    ave.write(tmp_path / "ave", knobs("default"), counts=counts, sample_seed=5)
    return Source("ave", tmp_path / "ave")


def test_ave(ave):
    found = statistics(ave)
    assert [(array.name, array.rows) for array in found] == [("audio", 160), ("visual", 160)]


def test_an_array_that_is_not_asked_for_may_be_damaged(ave):
    file = next(ave.path.rglob("visual_feature_vec.h5"))
    (file.parent / "visual_feature.h5").write_bytes(file.read_bytes()[:3000])
    found = statistics(ave)
    assert [array.name for array in found if array.fault] == ["visual_map"]
    with pytest.raises(DataError, match="visual_feature"):
        statistics(ave, ["train"], view=View({"visual": "visual_map"}, vectors=False))
