import json

import numpy as np
import pytest

from kavc.data.damage import data_errors
from kavc.data.layouts import View
from kavc.data.llp import CLASSES, missing_features
from kavc.data.source import Source
from kavc.errors import DataError

FEATURES = {"audio": "vggish", "visual": "res152", "visual_3d": "r2plus1d_18"}
ALL = View({name: name for name in (*FEATURES, "audio_events", "visual_events")})
SIZES = {"train": 3, "validation": 2, "test": 2}


def read(source, split, view=ALL):
    with data_errors():
        return list(source.read(split, view).as_numpy_iterator())


@pytest.mark.parametrize(
    ("tables", "features"),
    [("", ""), ("", "feats"), ("data", "data/feats"), ("data", "feats")],
)
def test_arrays_labels_and_ids_as_published(llp, tables, features):
    path = llp(tables=tables, features=features)
    source = Source.parse(f"llp:{path}")
    train = read(source, "train")
    assert [video["id"] for video in train] == [b"-a_b-c_d-e0", b"train_00001", b"__train__-2"]
    assert [video["labels"].tolist() for video in train] == [[0, 3], [4], [1, 3, 24]]
    assert {len(video["audio_events"]) for video in train} == {0}
    for video in train:
        for array, folder in FEATURES.items():
            published = np.load(path / features / folder / f"{video['id'].decode()}.npy")
            means = published.reshape(10, -1, published.shape[1]).mean(axis=1, dtype=np.float64)
            np.testing.assert_array_equal(video[array], means.astype(np.float32))
    first, second = read(source, "test")
    heard = np.zeros((10, 25))
    heard[2:6, CLASSES.index("Dog")] = 1
    np.testing.assert_array_equal(first["audio_events"], heard)
    assert first["visual_events"].shape == (10, 25) and not first["visual_events"].any()
    assert second["visual_events"][:, 1].all() and second["visual_events"].sum() == 10
    spec = source.read("train", ALL).element_spec
    assert {name: (tuple(s.shape), s.dtype.name) for name, s in spec.items()} == {
        "id": ((), "string"),
        "labels": ((None,), "int64"),
        "audio": ((None, 128), "float32"),
        "visual": ((None, 2048), "float32"),
        "visual_3d": ((None, 512), "float32"),
        "audio_events": ((None, 25), "float32"),
        "visual_events": ((None, 25), "float32"),
    }


def test_description(llp):
    source = Source.parse(f"llp:{llp()}")
    info = source.describe(ALL)
    assert info["counts"] == SIZES
    assert info["widths"] == {
        "audio": 128, "visual": 2048, "visual_3d": 512, "audio_events": 25, "visual_events": 25,
    }  # fmt: skip
    assert (info["classes"], info["notes"]) == (CLASSES, ())
    assert info["rosters"]["train"].labels.tolist() == [0, 3, 4, 1, 3, 24]
    assert all(roster.heard.all() and roster.seen.all() for roster in info["rosters"].values())
    assert source.title() == "LLP (llp)"


def test_files_of_ten_rows_are_taken_as_means(llp):
    path = llp()
    file = path / "res152/train_00001.npy"
    rows = np.load(file).reshape(10, 8, 2048).mean(axis=1)
    np.save(file, rows)
    np.testing.assert_array_equal(read(Source("llp", path), "train")[1]["visual"], rows)


def test_other_views(llp):
    path = llp()
    source = Source("llp", path)
    themed = View({"visual": "visual_3d"}, theme=True)
    info = source.describe(themed)
    assert info["counts"] == {"train": 1, "validation": 2, "test": 1}
    assert info["notes"][0] == "train: 2 of 3 videos without exactly one theme"
    assert [(v["id"], v["theme"]) for v in read(source, "train", themed)] == [(b"train_00001", 4)]
    means = read(source, "train", View(means=True))
    audio = np.load(path / "vggish/-a_b-c_d-e0.npy")
    np.testing.assert_allclose(means[0]["audio"], audio.mean(axis=0), atol=1e-6)
    assert [video["silent"] for video in means] == [False] * 3
    with pytest.raises(DataError, match=r"unknown array 'vggish'.*--set audio_array=NAME"):
        source.describe(View({"audio": "vggish"}))


def test_silence_is_nothing_but_zeros(llp):
    path = llp()
    np.save(path / "vggish/train_00001.npy", np.zeros((10, 128), np.float32))
    source = Source("llp", path)
    assert source.describe(View())["rosters"]["train"].heard.tolist() == [True, False, True]
    assert [len(video["audio"]) for video in read(source, "train", View())] == [10, 0, 10]
    rows = View(rows={"audio": (10,)})
    assert source.describe(rows)["counts"] == SIZES
    assert [len(video["audio"]) for video in read(source, "train", rows)] == [10] * 3


def test_a_splits_file_overrides_by_ids_and_by_tables(llp, tmp_path):
    path, file = llp(), tmp_path / "splits.json"
    ids = {"train": {"ids": ["val_______1", "-a_b-c_d-e0"]}, "test": {"ids": ["__train__-2"]}}
    file.write_text(json.dumps(ids))
    source = Source.parse(f"llp:{path}", file)
    assert source.describe(ALL)["counts"] == {"train": 2, "test": 1}
    train = read(source, "train")
    assert [video["id"] for video in train] == [b"-a_b-c_d-e0", b"val_______1"]
    assert [len(video["audio_events"]) for video in train] == [0, 10]
    with pytest.raises(DataError, match="no split 'validation'; there are: train, test"):
        source.read("validation", ALL)
    file.write_text(json.dumps({"train": ["AVVP_test_pd.csv"], "test": ["AVVP_val_pd.csv"]}))
    assert [video["id"] for video in read(source, "train")] == [b"_test_____1", b"test_-_-_-2"]
    file.write_text(json.dumps({"train": {"ids": ["a-_b-c_d-e0"]}}))
    with pytest.raises(DataError, match=r"splits.json: train lists 1 ids, of which 1 id"):
        source.describe(ALL)


def test_numbers_of_rows_are_checked_when_described(llp):
    source = Source("llp", llp())
    rows = {"audio": (10,), "visual": (10,), "audio_events": (0, 10), "more": (3,)}
    assert source.describe(View(ALL.arrays, rows=rows))["counts"] == SIZES
    rows["audio_events"] = (10,)
    words = r"video '-a_b-c_d-e0' has 0 rows of 'audio_events', 10 are needed \(3 videos"
    with pytest.raises(DataError, match=words):
        source.describe(View(ALL.arrays, rows=rows))


def test_missing_features_are_left_out_and_told(llp):
    path = llp()
    (path / "vggish/train_00001.npy").unlink()
    (path / "res152/val_______1.npy").unlink()
    source = Source.parse(f"llp:{path}")
    info = source.describe(ALL)
    assert info["counts"] == {"train": 2, "validation": 1, "test": 2}
    assert info["notes"] == (
        "train: left out for want of vggish/ID.npy: 1 of 3 videos (train_00001)",
        "validation: left out for want of res152/ID.npy: 1 of 2 videos (val_______1)",
    )
    assert [video["id"] for video in read(source, "train")] == [b"-a_b-c_d-e0", b"__train__-2"]
    assert source.describe(View({"visual": "visual_3d"}))["counts"] == SIZES
    assert missing_features(path) == {
        "vggish": ["train_00001"], "res152": ["val_______1"], "r2plus1d_18": [],
    }  # fmt: skip
    strict = Source.parse(f"llp:{path}", strict=True)
    with pytest.raises(DataError, match=r"train_00001.*val_______1.*without --strict$"):
        strict.describe(ALL)
    assert strict.describe(View({"visual": "visual_3d"}))["counts"] == SIZES


def test_no_features_at_all(llp):
    path = llp()
    for file in (path / "res152").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"no video has its res152/ID.npy, looked for in .*feats"):
        Source("llp", path).describe(ALL)
    for id_ in ("val_______1", "-val-----_2"):
        (path / f"r2plus1d_18/{id_}.npy").unlink()
    view = View({"visual": "visual_3d"})
    with pytest.raises(DataError, match=r"none of the 2 videos of validation has its features \(r"):
        Source("llp", path).describe(view)
    assert Source("llp", path).describe(View({"audio": "audio"}))["counts"] == SIZES


def test_a_table_of_events_that_is_needed(llp):
    path = llp()
    (path / "AVVP_eval_audio.csv").unlink()
    with pytest.raises(DataError, match=r"AVVP_eval_audio.csv: no such file, which tells the"):
        Source("llp", path).describe(ALL)
    assert Source("llp", path).describe(View())["counts"] == SIZES


def test_values_that_are_not_finite_are_named_while_they_are_read(llp):
    path = llp()
    np.save(path / "r2plus1d_18/train_00001.npy", np.full((10, 512), 1e300))
    source = Source("llp", path)
    assert source.describe(ALL)["counts"] == SIZES
    words = r"record 1: .*r2plus1d_18/train_00001.npy: NaN or infinity among its values; extract it"
    with pytest.raises(DataError, match=words):
        read(source, "train")


def test_the_fingerprint_follows_tables_and_features(llp):
    def fingerprint(path):
        return Source("llp", path).describe(View())["fingerprint"]

    path = llp()
    before = fingerprint(path)
    assert before == fingerprint(llp("again"))
    assert before != fingerprint(llp("other", seed=1))
    table = path / "AVVP_eval_visual.csv"
    table.write_text(table.read_text().replace("\t1\tCello", "\t2\tCello"))
    changed = fingerprint(path)
    file = path / "r2plus1d_18/_test_____1.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert len({before, changed, fingerprint(path)}) == 3


def test_generated_corpora_have_any_widths_and_say_so(llp):
    path = llp()
    for file in (path / "vggish").iterdir():
        np.save(file, np.load(file)[:, :6])
    with pytest.raises(DataError, match=r"shape \(10, 6\), \(10, 128\) is expected"):
        Source("llp", path).describe(ALL)
    (path / "corpus.json").write_text('{"kind": "llp"}')
    for layout in ("llp", "synthetic"):
        source = Source.parse(f"{layout}:{path}")
        assert source.describe(ALL)["widths"]["audio"] == 6
        assert read(source, "train")[0]["audio"].shape == (10, 6)
        assert source.title() == "synthetic LLP-like corpus (llp)"
    np.save(path / "vggish/train_00001.npy", np.ones((10, 7), np.float32))
    with pytest.raises(DataError, match=r"train_00001.npy: shape \(10, 7\), \(10, 6\) is expected"):
        Source("llp", path).describe(ALL)
