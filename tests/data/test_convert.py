import zipfile

import numpy as np
import pytest

from kavc.data import convert as module
from kavc.data import kwai
from kavc.data.convert import convert
from kavc.data.source import Source
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
    return list(kwai.read(Source("kwai", out), split).as_numpy_iterator())


def test_with_a_split_column(folder, tmp_path):
    rows = "id,theme,split\nv0,Games,train\nv1,Cars,test\nv2,Cars,train\nv3,Food,test\n"
    counts = convert(folder, table(folder, rows), tmp_path / "out")
    assert counts == {"train": 2, "test": 2}
    assert kwai.describe(Source("kwai", tmp_path / "out"))["classes"] == ("Cars", "Food", "Games")
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
    header = kwai.header(Source("kwai", tmp_path / "out"))
    assert header["themes"] == ["0", "1", "2", "3"]
    assert "splits" not in header


GOOD = "id,theme\nv0,a\nv1,b\n"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", "no column 'id'"),
        ("id\nv0\n", "no column 'theme'"),
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
        ("id,theme\nv0,7\n", "theme index 7 in a table of 1 videos"),
        ("id,theme\nv0,00\n", "'00': write it without zeros"),
        ('id,theme\nv0,"a\n', "not readable as CSV"),
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
        ({"audio": np.ones((2, 5)), "visual": np.ones((2, 4))}, "audio is 5 wide, 3 in the files"),
        ({"audio": np.ones(3), "visual": np.ones((2, 4))}, r"audio is \(3,\) float64"),
        ({"audio": np.ones((2, 3), int), "visual": np.ones((2, 4))}, "int64; floats"),
        ({"audio": np.full((2, 3), np.nan), "visual": np.ones((2, 4))}, "audio holds NaN"),
        ({"audio": np.full((2, 3), 1e300), "visual": np.ones((2, 4))}, "audio holds NaN or inf"),
        ({"audio": np.array([[{}]]), "visual": np.ones((2, 4))}, "allow_pickle"),
    ],
)
def test_bad_files_are_named(folder, tmp_path, arrays, words):
    np.savez(folder / "v1.npz", allow_pickle=True, **arrays)
    with pytest.raises(DataError, match=rf"v1.npz.*{words}"):
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


def test_large_archives_are_refused_before_they_are_unpacked(folder, tmp_path):
    with zipfile.ZipFile(folder / "v1.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("audio.npy", bytes(module.MAX_NPZ_BYTES + 1))
    with pytest.raises(DataError, match=r"v1.npz: unpacks to 64 MiB; at most 64"):
        convert(folder, table(folder, GOOD), tmp_path / "out")


def test_links_out_of_the_folder_are_refused(folder, tmp_path):
    (folder / "v1.npz").rename(tmp_path / "secret.npz")
    (folder / "v1.npz").symlink_to(tmp_path / "secret.npz")
    with pytest.raises(DataError, match="leads out of the folder"):
        convert(folder, table(folder, GOOD), tmp_path / "out")


def test_missing_folder_and_large_table(folder, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="no such folder"):
        convert(tmp_path / "none", table(folder, GOOD), tmp_path / "out")
    monkeypatch.setattr(module, "MAX_CSV_BYTES", 5)
    with pytest.raises(DataError, match="larger than"):
        convert(folder, table(folder, GOOD), tmp_path / "out")


@pytest.mark.parametrize("name", ["subset", "partition", "fold", "", "train/test"])
def test_a_column_of_splits_under_another_name_is_refused(tmp_path, name):
    table = tmp_path / "table.csv"
    table.write_text(f"id,theme,{name}\na,Cars,train\nb,Food,Val\n")
    (tmp_path / "npz").mkdir()
    with pytest.raises(DataError, match=rf"column '{name}' holds names of splits and is not read"):
        convert(tmp_path / "npz", table, tmp_path / "out")
