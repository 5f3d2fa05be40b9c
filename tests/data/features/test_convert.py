import numpy as np
import pytest

from kavc.data.features import folder as folders
from kavc.data.features import table as tables
from kavc.data.features.convert import convert
from kavc.data.features.header import read_header
from kavc.data.features.reader import FeaturesReader
from kavc.data.layouts import View
from kavc.data.source import Source
from kavc.data.splits import SPLITS
from kavc.errors import DataError


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "features"
    path.mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        np.savez(path / f"v{i}.npz", audio=rng.normal(size=(i, 3)), visual=rng.random((2, 4)))
    return path


def table(folder, text):
    path = folder.parent / "videos.csv"
    path.write_text(text, encoding="utf-8")
    return path


def read(out, split):
    source = Source("features", out)
    return list(FeaturesReader().read(source, split, View(theme=True)).as_numpy_iterator())


def test_with_a_split_column(folder, tmp_path):
    rows = "id,theme,split\nv0,Games,train\nv1,Cars,test\nv2,Cars,train\nv3,Food,test\n"
    counts = convert(folder, table(folder, rows), tmp_path / "out")
    assert counts == {"train": 2, "test": 2}
    assert read_header(tmp_path / "out").classes == ["Cars", "Food", "Games"]
    test = read(tmp_path / "out", "test")
    assert [(e["id"], e["theme"]) for e in test] == [(b"v1", 0), (b"v3", 1)]
    with np.load(folder / "v3.npz") as arrays:
        np.testing.assert_array_equal(test[1]["audio"], arrays["audio"].astype("float32"))
        np.testing.assert_array_equal(test[1]["visual"], arrays["visual"].astype("float32"))


def test_case_and_space_of_columns_and_splits_do_not_count(folder, tmp_path):
    rows = "ID,Theme , Split\nv0,Games, Train\nv1,Cars,TEST\n"
    assert convert(folder, table(folder, rows), tmp_path / "out") == {"train": 1, "test": 1}
    assert [e["id"] for e in read(tmp_path / "out", "test")] == [b"v1"]


def test_without_a_split_column_and_with_indices(folder, tmp_path):
    rows = "theme,id\n" + "".join(f"{[0, 2, 2, 0, 3, 3][i]},v{i}\n" for i in range(6))
    assert convert(folder, table(folder, rows), tmp_path / "out") == {"videos": 6}
    header = read_header(tmp_path / "out").content
    assert header["classes"] == ["0", "1", "2", "3"]
    assert "splits" not in header


@pytest.mark.parametrize(
    ("id_", "name"), [("caf\u00e9", "cafe\u0301"), ("cafe\u0301", "caf\u00e9")]
)
@pytest.mark.parametrize("form", ["video.npz", "array/video.npy"])
def test_a_file_whose_name_is_in_another_unicode_form(tmp_path, id_, name, form):
    file = tmp_path / "features" / form.replace("video", name)
    file.parent.mkdir(parents=True)
    if file.suffix == ".npz":
        np.savez(file, audio=np.ones((2, 3)))
    else:
        np.save(file, np.ones((2, 3)))
    rows = table(tmp_path / "features", f"id,theme\n{id_},a\n")
    with pytest.raises(DataError) as caught:
        convert(tmp_path / "features", rows, tmp_path / "out")
    ending = f" is there as {file.name!a}, in another Unicode form: spell both alike"
    assert str(caught.value).endswith(ending)


GOOD = "id,theme\nv0,a\nv1,b\n"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", "no column 'id'"),
        ("id,theme,labels\nv0,a,b\n", "columns theme and labels both name classes"),
        ("id,theme\n", "the table has no rows"),
        ("id,theme\nv0\n", "line 2: the row has another number of columns"),
        ("id,theme\nv0,a,b\n", "line 2: the row has another number of columns"),
        ("id,theme\nv0,a\nv0,b\n", "line 3: id 'v0' comes twice"),
        ("id,theme\n../v0,a\n", "'../v0' is not a plain file name"),
        ("id,theme\n/etc/v0,a\n", "is not a plain file name"),
        ("id,theme\n..,a\n", "is not a plain file name"),
        ("id,theme\n,a\n", "is not a plain file name"),
        ("id,theme\nv0,\n", "'v0' has no theme"),
        ("id,theme,split\nv0,a,trian\n", "line 2: unknown split 'trian'; did you mean 'train'"),
        ("id,theme,split,Split\nv0,a,train,test\n", "'split' and 'Split' are the same"),
        ("id,theme,spilt\nv0,a,train\n", "column 'spilt' is not read; did you mean 'split'"),
        ("id,theme,Splits\nv0,a,train\n", "column 'splits' is not read; did you mean 'split'"),
        ("id,theme\nv9,a\n", r"line 2: there is no .*v9.npz"),
        ("id,theme\nv0,7\n", "label index 7 in a table of 1 videos"),
        ("id,theme\nv0,00\n", "'00': write it without zeros"),
        ('id,theme\nv0,"a\n', "not readable as CSV"),
        ('id,theme\nv0,"a\nb"\n', r"line 3: 'a\\nb' holds a line break"),
        ('id,labels\nv0,"a|b\rc"\n', r"'b\\rc' holds a line break"),
    ],
)
def test_unusable_tables_leave_nothing(folder, tmp_path, rows, words):
    with pytest.raises(DataError, match=words):
        convert(folder, table(folder, rows), tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["features", "videos.csv"]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"audio": np.ones((2, 3))}, "no array 'visual'"),
        (
            {"audio": np.ones((2, 5)), "visual": np.ones((2, 4))},
            r"audio has shape \(2, 5\), \(any, 3\) is expected",
        ),
        ({"audio": np.ones(3), "visual": np.ones((2, 4))}, r"audio has shape \(3,\), \(any, 3\)"),
        (
            {"audio": np.ones((2, 3), int), "visual": np.ones((2, 4))},
            r"audio is int64 of shape \(2, 3\); expected floats",
        ),
        ({"audio": np.full((2, 3), np.nan), "visual": np.ones((2, 4))}, "audio holds NaN"),
        ({"audio": np.full((2, 3), 1e300), "visual": np.ones((2, 4))}, "audio holds NaN or inf"),
        ({"audio": np.array([[{}]]), "visual": np.ones((2, 4))}, "holds pickled objects"),
    ],
)
def test_bad_files_are_named(folder, tmp_path, arrays, words):
    np.savez(folder / "v1.npz", allow_pickle=True, **arrays)
    with pytest.raises(DataError, match=rf"v1.*{words}"):
        convert(folder, table(folder, GOOD), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_damaged_archives_are_named(folder, tmp_path, content):
    whole = (folder / "v1.npz").read_bytes()
    half = bytearray(whole)
    half[60:200] = bytes(140)
    (folder / "v1.npz").write_bytes(half if content is None else content)
    with pytest.raises(DataError, match=r"v1.npz"):
        convert(folder, table(folder, GOOD), tmp_path / "out")


def test_large_archives_are_refused_before_they_are_unpacked(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MAX_BYTES", 2**20)
    np.savez_compressed(folder / "v1.npz", audio=np.zeros((2**18, 1)), visual=np.zeros((2, 4)))
    with pytest.raises(DataError, match=r"v1.npz"):
        convert(folder, table(folder, GOOD), tmp_path / "out")


def test_links_out_of_the_folder_are_refused(folder, tmp_path):
    (folder / "v1.npz").rename(tmp_path / "secret.npz")
    (folder / "v1.npz").symlink_to(tmp_path / "secret.npz")
    with pytest.raises(DataError, match="leads out of the folder"):
        convert(folder, table(folder, GOOD), tmp_path / "out")


def test_missing_folder_and_large_table(folder, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="no such folder"):
        convert(tmp_path / "none", table(folder, GOOD), tmp_path / "out")
    monkeypatch.setattr(tables, "MAX_BYTES", 5)
    with pytest.raises(DataError, match="larger than"):
        convert(folder, table(folder, GOOD), tmp_path / "out")


@pytest.mark.parametrize("name", ["subset", "partition", "fold", "", "train/test"])
def test_a_column_of_splits_under_another_name_is_refused(tmp_path, name):
    table = tmp_path / "table.csv"
    table.write_text(f"id,theme,{name}\na,Cars,train\nb,Food,Val\n")
    with pytest.raises(DataError, match=rf"column '{name}' holds names of splits and is not read"):
        tables.read_videos(table)


def examples(out, split, view):
    return list(Source("features", out).read(split, view).as_numpy_iterator())


def test_three_arrays_of_other_names_and_no_theme(tmp_path):
    """As a user's extractors leave them: a folder an array, vectors and sequences, no labels."""
    rng = np.random.default_rng(0)
    arrays = {
        "vggish": rng.normal(size=(9, 4, 6)).astype("f2"),
        "clip": rng.normal(size=(9, 5)),
        "flow": rng.normal(size=(9, 3, 2, 2, 7)).astype("f4"),
    }
    for name, values in arrays.items():
        (tmp_path / "own" / name).mkdir(parents=True)
        for i, value in enumerate(values):
            np.save(tmp_path / "own" / name / f"v{i}.npy", value)
    assert convert(tmp_path / "own", None, tmp_path / "out") == {"videos": 9}
    header = read_header(tmp_path / "out")
    assert {name: field.shape for name, field in header.arrays.items()} == {
        "vggish": (None, 6), "clip": (5,), "flow": (None, 2, 2, 7),
    }  # fmt: skip
    assert header.content["provenance"]["arrays"] == {name: name for name in sorted(arrays)}
    view = View({"audio": "vggish", "visual": "clip"}, means=True)
    means = [e for split in SPLITS for e in examples(tmp_path / "out", split, view)]
    for example in means:
        i = int(example["id"][1:])
        wanted = arrays["vggish"][i].astype("f4").mean(axis=0)
        np.testing.assert_allclose(example["audio"], wanted, atol=1e-6)
        np.testing.assert_array_equal(example["visual"], arrays["clip"][i].astype("f4"))
        assert not len(example["labels"]) and not example["silent"]
    assert len(means) == 9
    view = View({"audio": "vggish", "visual": "clip", "motion": "flow"}, vectors=False)
    rows = [e for split in SPLITS for e in examples(tmp_path / "out", split, view)]
    for example in rows:
        i = int(example["id"][1:])
        assert example["audio"].shape == (4, 6) and example["visual"].shape == (1, 5)
        np.testing.assert_array_equal(example["motion"], arrays["flow"][i])
    with pytest.raises(DataError, match="no array 'audio' to read as 'audio'; it has clip, flow,"):
        examples(tmp_path / "out", "train", View())
    with pytest.raises(DataError, match=r"flow is \(any, 2, 2, 7\); one vector a step"):
        examples(tmp_path / "out", "train", View({"visual": "flow"}))
    with pytest.raises(DataError, match="its videos have no labels, and a theme each is needed"):
        examples(tmp_path / "out", "train", View({"audio": "vggish"}, theme=True))


def test_arrays_under_other_names_and_columns_that_are_kept(folder, tmp_path):
    rows = "id,labels,url,split\nv0,,a,train\nv1,Cars | Food,b,train\nv2,Food,c,train\n"
    arrays = {"sound": "audio"}
    convert(folder, table(folder, rows), tmp_path / "out", arrays=arrays, keep=["URL"])
    header = read_header(tmp_path / "out")
    assert list(header.spec) == ["id", "labels", "sound", "url"] and list(header.arrays) == [
        "sound"
    ]
    came = examples(tmp_path / "out", "train", View({"audio": "sound"}))
    assert [e["labels"].tolist() for e in came] == [[], [0, 1], [1]]
    themed = View({"audio": "sound"}, theme=True)
    assert [e["id"] for e in examples(tmp_path / "out", "train", themed)] == [b"v2"]
    info = Source("features", tmp_path / "out").describe(themed)
    assert info["counts"] == {"train": 1}
    assert info["notes"] == ("train: 2 of 3 videos without exactly one theme",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"arrays": {"audio": "aduio"}}, "no array 'aduio'; it has audio, visual"),
        ({"arrays": {"labels": "audio"}}, "can't be called 'labels', which has a meaning"),
        ({"arrays": {"a/b": "audio"}}, "can't be called 'a/b'"),
        ({"keep": ["url"]}, "no column 'url'"),
        ({"keep": ["theme"]}, "'theme' has a meaning of its own"),
    ],
)
def test_unusable_options_leave_nothing(folder, tmp_path, options, words):
    with pytest.raises(DataError, match=words):
        convert(folder, table(folder, GOOD), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_both_forms_at_once_are_refused(folder, tmp_path):
    (folder / "audio").mkdir()
    np.save(folder / "audio" / "v0.npy", np.ones((2, 3)))
    with pytest.raises(DataError, match=r"has v0.npz and arrays in audio/"):
        convert(folder, None, tmp_path / "out")
    with pytest.raises(DataError, match="holds neither"):
        convert(tmp_path, None, tmp_path / "out")
