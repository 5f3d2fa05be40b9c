"""What may be wrong with the files of features, told by their headers when described."""

import os

import numpy as np
import pytest

from kavc.data.layouts import View
from kavc.data.llp.features import KINDS, pooled
from kavc.data.source import Source
from kavc.errors import DataError

LAYERS = {
    "vggish": "the VGGish embedding after the last fully connected layer, one a second",
    "res152": "ResNet-152 after global average pooling, 8 frames a second",
    "r2plus1d_18": r"R\(2\+1\)D-18 after pooling, one clip of 8 frames a second",
}
WRONG = [
    (
        "vggish",
        (10, 6, 4, 512),
        r"shape \(10, 6, 4, 512\), \(10, 128\) is expected, LAYER;.*last",
    ),
    ("vggish", (9, 128), r"shape \(9, 128\), \(10, 128\) is expected, LAYER"),
    ("vggish", (128,), r"shape \(128,\), \(10, 128\) is expected, LAYER"),
    ("res152", (80, 512), r"shape \(80, 512\), \(80, 2048\) is expected, LAYER \(or its means"),
    ("res152", (72, 2048), r"72 rows, \(80, 2048\) is expected, LAYER: repeat the last row until"),
    ("res152", (0, 2048), r"shape \(0, 2048\), \(80, 2048\) is expected, LAYER"),
    ("res152", (160, 2048), r"shape \(160, 2048\), \(80, 2048\) is expected, LAYER"),
    ("r2plus1d_18", (10, 2048), r"shape \(10, 2048\), \(10, 512\) is expected, LAYER"),
]


@pytest.mark.parametrize(("folder", "shape", "words"), WRONG)
def test_other_shapes(llp, folder, shape, words):
    path = llp()
    np.save(path / folder / "train_00001.npy", np.zeros(shape, np.float32))
    words = words.replace("LAYER", LAYERS[folder])
    with pytest.raises(DataError, match=rf"{folder}/train_00001.npy: {words}"):
        Source("llp", path).describe(View({}))


def test_it_says_how_many_do_not_fit(llp):
    path = llp()
    for id_ in ("__train__-2", "train_00001", "_test_____1"):
        np.save(path / f"res152/{id_}.npy", np.zeros((72, 2048), np.float32))
    with pytest.raises(DataError, match=r"; 2 more of 7 files there do not fit either$"):
        Source("llp", path).describe(View())


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((10, 128), int), "int64, floats are expected: extract it again"),
        (np.full((10, 128), None), "holds pickled objects"),
        (b"version https://git-lfs", "it is no array of NumPy"),
        (b"", "it is no array of NumPy"),
    ],
)
def test_what_is_no_array_of_floats(llp, array, words):
    path = llp()
    file = path / "vggish/train_00001.npy"
    if isinstance(array, bytes):
        file.write_bytes(array)
    else:
        np.save(file, array, allow_pickle=True)
    with pytest.raises(DataError, match=rf"vggish/train_00001.npy: .*{words}"):
        Source("llp", path).describe(View())


@pytest.mark.parametrize("spoil", ["cut", "folder", "link"])
def test_files_that_are_cut_or_no_files(llp, spoil):
    path = llp()
    file = path / "res152/train_00001.npy"
    content = file.read_bytes()
    file.unlink()
    if spoil == "cut":
        file.write_bytes(content[:-4])
    elif spoil == "folder":
        file.mkdir()
    else:
        os.symlink(path / "nowhere", file)
    words = {"cut": "is shorter: copy it again", "folder": "a folder", "link": "no such file"}
    with pytest.raises(DataError, match=rf"res152/train_00001.npy: .*{words[spoil]}"):
        Source("llp", path).describe(View())


@pytest.mark.parametrize("dtype", ["f2", "f8", ">f4"])
def test_other_floats_and_orders_of_axes(llp, dtype):
    path = llp()
    file = path / "res152/train_00001.npy"
    rows = np.load(file)
    np.save(file, np.asfortranarray(rows.astype(dtype)))
    source = Source("llp", path)
    assert source.describe(View())["counts"]["train"] == 3
    came = list(source.read("train", View()).as_numpy_iterator())[1]["visual"]
    wanted = rows.astype(dtype).reshape(10, 8, -1).astype("f8").mean(axis=1).astype("f4")
    np.testing.assert_array_equal(came, wanted)


def test_a_linear_layer_before_the_means_gives_the_same():
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(80, 30)), rng.normal(size=(30, 4))
    after = (rows @ weights).reshape(10, 8, 4).mean(axis=1)
    np.testing.assert_allclose(pooled(rows) @ weights, after, atol=1e-13)  # of sums of 30 terms
    assert {name: kind.folder for name, kind in KINDS.items()} == {
        "audio": "vggish", "visual": "res152", "visual_3d": "r2plus1d_18",
    }  # fmt: skip
