import json

import h5py
import numpy as np
import pytest

from kavc.data.ave import CLASSES
from kavc.data.ave.features import Features
from kavc.data.damage import data_errors
from kavc.data.layouts import View
from kavc.data.source import Source
from kavc.errors import DataError

ALL = View({name: name for name in ("audio", "visual", "visual_map", "events")}, vectors=False)
SIZES = {"train": 3, "validation": 1, "test": 3}
IDS = {
    "train": [b"0002_2An2JMGMbbs", b"0000_RUhOCu3LNXM", b"0003_6UeJPCgnMIg"],
    "validation": [b"0005_0IklLP7_kBw"],
    "test": [b"0006_ZIklLP7_kBw", b"0001_-_4m4AwEcRY", b"0004_6UeJPCgnMIg"],
}
FILES = {
    "audio": "audio_feature.h5",
    "visual": "visual_feature_vec.h5",
    "visual_map": "visual_feature.h5",
}
ODD = (
    "Annotations.txt: 1 of 7 rows without an event: 5 (0IklLP7_kBw)",
    "Annotations.txt: 1 of 7 rows that repeat a clip: 6UeJPCgnMIg in 3, 4",
    "1 clip is both in train and in test, under different categories",
)


def read(source, split, view=ALL):
    with data_errors():
        return list(source.read(split, view).as_numpy_iterator())


def stored(file):
    with h5py.File(file) as made:
        return made["avadataset"][:]


def test_arrays_labels_and_ids_as_published(ave):
    path = ave()
    source = Source.parse(f"ave:{path}")
    found = {split: read(source, split) for split in IDS}
    for split, ids in IDS.items():
        assert [video["id"] for video in found[split]] == ids
        rows = [int(id_[:4]) for id_ in ids]
        for array, file in FILES.items():
            values = np.stack([video[array] for video in found[split]])
            np.testing.assert_array_equal(values, stored(path / file)[rows])
    assert [video["labels"].tolist() for video in found["train"]] == [[10], [0], [5]]
    events = {int(video["id"][:4]): video["events"] for part in found.values() for video in part}
    assert [events[row][:, 0].nonzero()[0].tolist() for row in range(7)] == [
        [*range(10)], [6, 7], [*range(10)], [*range(4, 10)], [*range(3, 7)], [], [1, 2],
    ]  # fmt: skip
    spec = source.read("train", ALL).element_spec
    assert {name: (tuple(s.shape), s.dtype.name) for name, s in spec.items()} == {
        "id": ((), "string"),
        "labels": ((None,), "int64"),
        "audio": ((None, 128), "float32"),
        "visual": ((None, 512), "float32"),
        "visual_map": ((None, 7, 7, 512), "float32"),
        "events": ((None, 1), "float32"),
    }


@pytest.mark.parametrize(
    ("annotations", "orders", "features"),
    [("data", "data", "data"), ("data", "", "data"), ("", "data", "")],
)
def test_files_may_lie_in_data(ave, annotations, orders, features):
    path = ave(annotations=annotations, orders=orders, features=features)
    videos = read(Source.parse(f"ave:{path}"), "test", View())
    assert [video["id"] for video in videos] == IDS["test"]
    wanted = stored(path / features / FILES["audio"])[[6, 1, 4]]
    np.testing.assert_array_equal([video["audio"] for video in videos], wanted)


def test_description(ave):
    source = Source.parse(f"ave:{ave()}")
    info = source.describe(ALL)
    assert info["counts"] == SIZES
    assert info["widths"] == {"audio": 128, "visual": 512, "visual_map": 512, "events": 1}
    assert (info["classes"], info["notes"]) == (CLASSES, ODD)
    assert {split: roster.ids.tolist() for split, roster in info["rosters"].items()} == IDS
    assert info["rosters"]["test"].labels.tolist() == [25, 0, 1]
    assert all(roster.heard.all() and roster.seen.all() for roster in info["rosters"].values())
    assert source.title() == "AVE (ave)"


def test_the_other_published_splits(ave):
    source = Source("ave", ave())
    view = View(order="plain")
    info = source.describe(view)
    assert info["counts"] == {"train": 3, "validation": 2, "test": 2}
    assert info["notes"] == ODD[:2]
    assert info["fingerprint"] != source.describe(View())["fingerprint"]
    assert [video["id"][:4] for video in read(source, "train", view)] == [b"0004", b"0003", b"0006"]
    with pytest.raises(DataError, match=r"unknown order 'mach'; did you mean 'match'"):
        source.describe(View(order="mach"))


def test_other_views(ave):
    path = ave()
    source = Source("ave", path)
    themed = View({"visual": "visual"}, theme=True)
    assert source.describe(themed)["counts"] == SIZES
    assert [video["theme"] for video in read(source, "test", themed)] == [25, 0, 1]
    means = read(source, "train", View(means=True))
    wanted = stored(path / FILES["audio"])[[2, 0, 3]].mean(axis=1)
    np.testing.assert_allclose([video["audio"] for video in means], wanted, rtol=1e-6)  # sum of 10
    assert [video["silent"] for video in means] == [False] * 3
    maps = read(source, "train", View({"visual": "visual_map"}, vectors=False, means=True))
    assert maps[0]["visual"].shape == (7, 7, 512)
    with pytest.raises(DataError, match=r"unknown array 'vggish'.*--set audio_array=NAME"):
        source.describe(View({"audio": "vggish"}))
    with pytest.raises(DataError, match=r"visual_map is \('any', 7, 7, 512\); one vector a step"):
        source.describe(View({"visual": "visual_map"}))


def test_only_what_is_asked_for_must_be_there(ave):
    source = Source("ave", ave(files={"audio_feature.h5": (10, 128)}))
    view = View({"audio": "audio", "events": "events"})
    assert source.describe(view)["widths"] == {"audio": 128, "events": 1}
    assert len(read(source, "test", view)) == 3
    with pytest.raises(
        DataError, match=r"no visual_feature_vec.h5 or visual_feature.h5, looked fo"
    ):
        source.describe(View())
    with pytest.raises(
        DataError, match=r"ave: no visual_feature.h5, looked for in .*ave or .*data"
    ):
        source.read("train", View({"visual": "visual_map"}, vectors=False))


def test_means_of_the_maps_stand_in_for_their_file(ave):
    path = ave()
    view = View({"visual": "visual"})
    source = Source("ave", path)
    before = source.describe(view)["fingerprint"]
    (path / FILES["visual"]).unlink()
    videos = read(source, "test", view)
    wanted = stored(path / FILES["visual_map"])[[6, 1, 4]].mean(axis=(2, 3), dtype="f8")
    np.testing.assert_array_equal([video["visual"] for video in videos], wanted.astype("f4"))
    assert source.describe(view)["fingerprint"] != before


def test_maps_of_float64_are_read_row_by_row(ave, store, monkeypatch):
    path = ave()
    maps = np.random.default_rng(0).random((7, 10, 7, 7, 512))
    store(path / FILES["visual_map"], maps)
    most = []
    take = Features.read
    monkeypatch.setattr(
        Features, "read", lambda self, rows: most.append(len(rows)) or take(self, rows)
    )
    monkeypatch.setattr("kavc.data.ave.reader.AT_ONCE", 2)
    view = View({"visual_map": "visual_map"}, vectors=False)
    videos = read(Source("ave", path), "test", view)
    assert most == [2, 1]
    np.testing.assert_array_equal(videos[2]["visual_map"], maps[4].astype("f4"))


def test_silence_is_nothing_but_zeros_and_zeros_are_told(ave, store):
    path = ave()
    audio = stored(path / FILES["audio"])
    audio[0] = 0
    audio[3, 4:6] = 0
    store(path / FILES["audio"], audio)
    source = Source("ave", path)
    info = source.describe(View())
    assert "audio_feature.h5: 12 of 70 seconds are all zero" in info["notes"]
    assert info["rosters"]["train"].heard.tolist() == [True, False, True]
    assert [len(video["audio"]) for video in read(source, "train", View())] == [10, 0, 10]
    rows = View(rows={"audio": (10,)})
    assert source.describe(rows)["counts"] == SIZES
    assert [len(video["audio"]) for video in read(source, "train", rows)] == [10] * 3
    with pytest.raises(
        DataError, match=r"has 10 rows of 'audio', 9 are needed .3 videos do not fit"
    ):
        source.describe(View(rows={"audio": (9,)}))


def test_a_splits_file_overrides_by_ids_and_by_files(ave, tmp_path):
    path, file = ave(), tmp_path / "splits.json"
    ids = {
        "train": {"ids": ["0006_ZIklLP7_kBw", "0000_RUhOCu3LNXM"]},
        "test": {"ids": ["0004_6UeJPCgnMIg"]},
    }
    file.write_text(json.dumps(ids))
    source = Source.parse(f"ave:{path}", file)
    info = source.describe(ALL)
    assert info["counts"] == {"train": 2, "test": 1}
    assert info["notes"] == ODD[:2]
    assert [video["id"][:4] for video in read(source, "train")] == [b"0000", b"0006"]
    with pytest.raises(DataError, match="no split 'validation'; there are: train, test"):
        source.read("validation", ALL)
    file.write_text(json.dumps({"train": ["test_*.h5"], "test": ["val_order_match.h5"]}))
    assert [video["id"] for video in read(source, "train")] == IDS["test"]
    file.write_text(json.dumps({"train": {"ids": ["0000_ZIklLP7_kBw"]}}))
    with pytest.raises(DataError, match=r"splits.json: train lists 1 ids, of which 1 id"):
        source.describe(ALL)


def test_ids_need_no_published_splits(ave, tmp_path):
    path, file = ave(), tmp_path / "splits.json"
    for order in path.glob("*_order*.h5"):
        order.unlink()
    file.write_text(json.dumps({"train": {"ids": ["0003_6UeJPCgnMIg"]}}))
    source = Source.parse(f"ave:{path}", file)
    assert source.describe(View())["counts"] == {"train": 1}
    assert [video["labels"].tolist() for video in read(source, "train", View())] == [[5]]
    words = r"no train_order_match.h5 or val_.*, looked for in .*\(--splits\) which ids to take"
    with pytest.raises(DataError, match=words):
        Source.parse(f"ave:{path}").describe(View())


def test_rows_and_splits_that_are_not_there_are_told(ave, store):
    path = ave()
    (path / "val_order_match.h5").unlink()
    store(path / "test_order_match.h5", np.array([6]), "order")
    info = Source("ave", path).describe(View())
    assert info["counts"] == {"train": 3, "test": 1}
    assert info["notes"][2:] == (
        "no val_order_match.h5: no validation split",
        "3 of 7 rows are in no split",
    )


def test_values_that_are_not_finite_name_file_and_row(ave, store):
    path = ave()
    visual = stored(path / FILES["visual"]).astype("f8")
    visual[4, 2, 1] = 1e300
    store(path / FILES["visual"], visual)
    source = Source("ave", path)
    words = r"visual_feature_vec.h5, row 4: NaN or infinity among its values; extract it again$"
    with pytest.raises(DataError, match=words):
        source.describe(View())
    assert source.describe(View({"audio": "audio"}))["counts"] == SIZES
    assert len(read(source, "train", View())) == 3
    with pytest.raises(DataError, match=rf"ave:.*ave, record 2: .*{words}"):
        read(source, "test", View())


def test_the_fingerprint_follows_what_is_read(ave, store):
    def fingerprint(path):
        return Source("ave", path).describe(View({"audio": "audio"}))["fingerprint"]

    path = ave()
    before = fingerprint(path)
    assert before == fingerprint(ave("again")) == fingerprint(ave("elsewhere", features="data"))
    assert before != fingerprint(ave("other", seed=1))
    store(path / FILES["visual"], np.ones((7, 10, 512)))
    store(path / "train_order.h5", np.array([1]), "order")
    assert fingerprint(path) == before
    store(path / "train_order_match.h5", np.array([0, 2, 3]), "order")
    changed = fingerprint(path)
    text = (path / "Annotations.txt").read_text()
    (path / "Annotations.txt").write_text(text.replace("good&1&3", "good&1&4"))
    assert len({before, changed, fingerprint(path)}) == 3


def test_a_file_is_looked_at_once_as_long_as_it_stays(ave, store, monkeypatch):
    path = ave()
    source, times = Source("ave", path), []
    blocks = Features.blocks
    monkeypatch.setattr(Features, "blocks", lambda self: times.append(self.file) or blocks(self))
    view = View({"audio": "audio"})
    source.describe(view)
    source.describe(view)
    assert len(times) == 1
    store(path / FILES["audio"], np.zeros((7, 10, 128)))
    assert not source.describe(view)["rosters"]["train"].heard.any()
    assert len(times) == 2


def test_generated_corpora_have_any_widths_and_say_so(ave, store):
    path = ave()
    store(path / FILES["audio"], np.ones((7, 10, 6), "f4"))
    words = (
        r"has the shape \(7, 10, 6\), \(7, 10, 128\) is expected \(VGGish before its PCA, .*of 7"
    )
    with pytest.raises(DataError, match=words):
        Source("ave", path).describe(View())
    (path / "corpus.json").write_text('{"kind": "ave"}')
    for layout in ("ave", "synthetic"):
        source = Source.parse(f"{layout}:{path}")
        assert source.describe(View())["widths"] == {"audio": 6, "visual": 512}
        assert read(source, "train", View())[0]["audio"].shape == (10, 6)
        assert source.title() == "synthetic AVE-like corpus (ave)"
