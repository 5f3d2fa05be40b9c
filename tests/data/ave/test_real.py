"""The counts of the published annotations, splits and labels, as their README gives them."""

import h5py
import numpy as np
import pytest

from kavc.data.ave import CLASSES, open_folder, read_noisy
from kavc.data.ave.folder import leaks
from kavc.data.ave.reader import _rosters
from kavc.data.ave.videos import read_annotations
from kavc.data.layouts import View
from kavc.data.source import Source
from kavc.errors import DataError

SIZES = {"train": 3339, "validation": 402, "test": 402}
ODD = [
    "Annotations.txt: 1 of 4143 rows without an event: 26 (VWi2ENBuTbw)",
    "Annotations.txt: 46 of 4143 rows that repeat a clip: such as -ccciEuH9FE in 196, 911,"
    " 0779k0IOxkw in 220, 926, 0qvQIuQoODo in 228, 931",
]
LEAKS = {
    "match": [
        "8 clips are both in train and in validation, under different categories",
        "1 clip is both in validation and in test, under different categories",
    ],
    "plain": [
        "10 clips are both in train and in validation, under different categories",
        "8 clips are both in train and in test, under different categories",
    ],
}


def test_annotations(real):
    videos = open_folder(real).videos
    assert len(videos) == 4143 and len({video.clip for video in videos}) == 4097
    assert list(dict.fromkeys(video.label for video in videos)) == list(range(len(CLASSES)))
    lengths = np.bincount([video.length for video in videos])
    assert lengths.tolist() == [1, 0, 214, 220, 217, 196, 200, 139, 111, 95, 2750]
    starts = np.bincount([video.start for video in videos])
    assert starts.tolist() == [3250, 124, 110, 128, 117, 122, 114, 102, 76]
    assert (videos[26].id, videos[26].length) == (b"0026_VWi2ENBuTbw", 0)
    assert not open_folder(real).events[26].any()


def test_the_published_labels_say_the_same(real):
    folder = open_folder(real)
    assert folder.notes(()) == ODD
    with h5py.File(real / "labels_closs.h5") as file:
        np.testing.assert_array_equal(folder.events[..., 0], file["avadataset"][:])


@pytest.mark.parametrize("kind", LEAKS)
def test_splits_and_what_leaks_between_them(real, kind):
    folder = open_folder(real, kind)
    rosters = _rosters(Source("ave", real), folder, frozenset())
    assert {split: len(roster) for split, roster in rosters.items()} == SIZES
    assert leaks(rosters) == LEAKS[kind]
    lengths = np.array([folder.videos[row].length for row in folder.orders["test"].rows])
    counts = rosters["test"].label_counts(len(CLASSES))
    if kind == "match":
        assert (lengths.min(), lengths.max()) == (2, 9)
        train = rosters["train"].label_counts(len(CLASSES))
        assert [CLASSES[i] for i in np.flatnonzero(train == 0)] == list(CLASSES[:2])
        assert (counts[:2].sum(), counts.min(), counts.max()) == (48, 1, 50)
        held = rosters["validation"].label_counts(len(CLASSES))
        assert np.flatnonzero(held).tolist() == [0, 1, 2]
    else:
        assert lengths.sum() == 3305 and (counts > 0).all()


def test_described_with_features_beside(real):
    with h5py.File(real / "audio_feature.h5", "w") as file:
        file["avadataset"] = np.ones((4143, 10, 128), "f4")
    source = Source.parse(f"ave:{real}")
    info = source.describe(View({"audio": "audio", "events": "events"}))
    assert info["counts"] == SIZES
    assert list(info["notes"]) == [*ODD, *LEAKS["match"]]
    batch = next(iter(source.read("test", View({"events": "events"}))))
    assert batch["id"].numpy()[:4] == b"2175"


def test_crlf_and_no_final_newline_change_nothing(real):
    file = real / "Annotations.txt"
    before = read_annotations(file)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().rstrip().replace(b"\n", b"\r\n"))
    assert read_annotations(file) == before


def test_labels_that_differ(real):
    with h5py.File(real / "labels_closs.h5", "r+") as file:
        file["avadataset"][[171, 2189], 3] = 0.5
    note = open_folder(real).notes(())[-1]
    assert (
        note
        == "labels_closs.h5: 2 of 4143 rows differ from Annotations.txt, which counts: 171, 2189"
    )


def test_background_only_videos(real, store):
    file, labels = real / "audio_feature_noisy.h5", real / "labels_noisy.h5"
    audio = read_noisy(real)
    assert (audio.shape, audio.dtype) == ((178, 10, 128), np.float32)
    with h5py.File(file) as published:
        np.testing.assert_array_equal(audio, published["avadataset"][:])  # exact in float32
    store(labels, np.eye(29)[[28] * 7 + [4] + [28] * 170])
    with pytest.raises(DataError, match=r"labels_noisy.h5: row 7 names a category; nothing but"):
        read_noisy(real)
    labels.unlink()
    np.testing.assert_array_equal(read_noisy(real), audio)
    audio[9, 3, 4] = np.nan
    store(file, audio)
    with pytest.raises(DataError, match=r"audio_feature_noisy.h5, row 9: NaN or infinity"):
        read_noisy(real)
    file.unlink()
    with pytest.raises(DataError, match=r"no audio_feature_noisy.h5, looked for in"):
        read_noisy(real)
