"""What may be wrong with annotations, splits, labels and features, told when described."""

import copy
from pathlib import Path

import numpy as np
import pytest

from kavc.data.ave.features import BadRow
from kavc.data.ave.labels import FILES
from kavc.data.ave.videos import events, read_annotations
from kavc.data.layouts import View
from kavc.data.source import Source
from kavc.errors import DataError

ROW = "Church bell&RUhOCu3LNXM&good&0&10"


def describe(path, **view):
    return Source("ave", path).describe(View({"audio": "audio"}, **view))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "", "it has no rows; category&id&quality&start&end is expected"),
        (lambda text: text.replace("&good", "", 1), r"line 1: .* is not of the form category&id"),
        (lambda text: text.replace("\n", "\n\n", 1), r"line 2: '' is not of the form .*left out"),
        (lambda text: text.replace("Church bell", "Church bel", 1), "did you mean 'Church bell'"),
        (lambda text: text.replace("RUhOCu3LNXM", "RUhOCu3LNX"), "line 1: 'RUhOCu3LNX' is no id"),
        (lambda text: text.replace("&0&10", "&0&11", 1), "line 1: '11' is no whole second from 0"),
        (lambda text: text.replace("&0&10", "&0.5&10", 1), "line 1: '0.5' is no whole second"),
        (
            lambda text: text.replace("&6&8", "&8&6"),
            "line 2: the event ends at 6, before it starts",
        ),
    ],
)
def test_other_annotations(ave, change, words):
    path = ave()
    file = path / "Annotations.txt"
    file.write_text(change(file.read_text()))
    with pytest.raises(DataError, match=rf"Annotations.txt.*{words}") as error:
        describe(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("first", ["", "Category&VideoID&Quality&StartTime&EndTime"])
def test_ends_of_lines_and_a_header(tmp_path, ends, last, first):
    lines = [*filter(None, [first]), ROW, "Frying (food)&-_4m4AwEcRY&good&6&8"]
    file = tmp_path / "Annotations.txt"
    file.write_bytes((ends.join(lines) + ends * last).encode())
    videos = read_annotations(file)
    assert [video.id for video in videos] == [b"0000_RUhOCu3LNXM", b"0001_-_4m4AwEcRY"]
    assert [video.label for video in videos] == [0, 10]
    assert [video.length for video in videos] == [10, 2]
    assert events(videos).tolist() == [[1] * 10, [0] * 6 + [1] * 2 + [0] * 2]
    assert events([]).shape == (0, 10)


def test_files_in_no_place_or_in_two(ave):
    path = ave()
    (path / "data").mkdir()
    (path / "data/train_order_match.h5").symlink_to(path / "train_order_match.h5")
    with pytest.raises(DataError, match=r"train_order_match.h5 is in .*ave and in .*data; remove"):
        describe(path)
    (path / "data/train_order_match.h5").unlink()
    (path / "Annotations.txt").unlink()
    with pytest.raises(DataError, match=r"no Annotations.txt, looked for in .*ave or .*data; take"):
        describe(path)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([0, 7], "train_order_match.h5: entry 1 is 7; the number of a row is expected, 0 to 6"),
        ([0, -1], "entry 1 is -1; the number of a row"),
        ([0, 2.5], r"entry 1 is 2.5; the number of a row"),
        ([0, np.nan], "entry 1 is nan; the number of a row"),
        ([2, 0, 3, 0], "entry 3 lists row 0 a second time; each is expected once"),
        ([], "it lists 0 rows; 1 to 7 are expected"),
        (list(range(8)), "it lists 8 rows; 1 to 7 are expected"),
        ([0, 2, 6], r"test_order_match.h5: row 6 is also in .*train_order_match.h5; a row must be"),
        ([4, 2, 6], r"row 6 is also in .*train_order_match.h5 \(2 rows are in both\); a row must"),
        ([[0, 1]], r"'order' has the shape \(1, 2\), \('?any'?,?\) is expected"),
    ],
)
def test_other_orders(ave, store, rows, words):
    path = ave()
    store(path / "train_order_match.h5", np.array(rows), "order")
    with pytest.raises(DataError, match=words) as error:
        describe(path)
    assert "\n" not in str(error.value)
    assert describe(path, order="plain")["counts"]["train"] == 3


@pytest.mark.parametrize("dtype", ["i4", "u8", "f4", ">i8"])
def test_orders_of_other_types(ave, store, dtype):
    path = ave()
    store(path / "train_order_match.h5", np.array([3, 0], dtype), "order")
    assert describe(path)["rosters"]["train"].ids[0] == b"0003_6UeJPCgnMIg"


def test_a_file_of_another_key(ave, store):
    path = ave()
    store(path / "train_order_match.h5", np.array([0]), "avadataset")
    with pytest.raises(DataError, match="no array 'order' in it; it holds 'avadataset'"):
        describe(path)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((7, 10, 64), r"the shape \(7, 10, 64\), \(7, 10, 128\) is expected"),
        ((6, 10, 128), r"the shape \(6, 10, 128\), \(7, 10, 128\) is expected .*, of 7 videos"),
        ((7, 10, 6, 4, 512), r"the shape \(7, 10, 6, 4, 512\), \(7, 10, 128\) is expected"),
    ],
)
def test_other_features(ave, store, shape, words):
    path = ave()
    store(path / "audio_feature.h5", np.zeros(shape, "f4"))
    with pytest.raises(DataError, match=rf"audio_feature.h5: 'avadataset' has {words}") as error:
        describe(path)
    assert "\n" not in str(error.value)


def test_what_is_wrong_with_a_row_survives_a_process():
    error = BadRow(Path("audio_feature.h5"), 4, "NaN among its values")
    again = copy.copy(error)  # by the same protocol as between processes
    assert str(again) == str(error) == "audio_feature.h5, row 4: NaN among its values"
    assert again.row == 4


def test_files_of_labels_that_differ_are_told_and_do_not_count(ave, store):
    path = ave()
    videos = read_annotations(path / "Annotations.txt")
    before = describe(path)["notes"]
    for name, of in FILES.items():
        store(path / name, of(videos).astype("f8"))
    assert describe(path)["notes"] == before
    for name, of in FILES.items():
        values = of(videos)
        values[[4, 6]] = 1 - values[[4, 6]]
        store(path / name, values)
    told = [note for note in describe(path)["notes"] if "labels" in note]
    assert told == [
        f"{name}: 2 of 7 rows differ from Annotations.txt, which counts: 4, 6" for name in FILES
    ]
    store(path / "mil_labels.h5", np.zeros((7, 28)))
    with pytest.raises(DataError, match=r"mil_labels.h5: .*\(7, 28\), \(7, 29\) is expected"):
        describe(path)
