"""Published refined labels: rows of the training table, checked against its labels."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.data.llp.refinement import read_published
from kavc.errors import DataError

TABLE = "filename\tevent_labels\nBjCEufrlXm4_20_30\tSpeech,Dog\n7nSYwyaP4QE_50_60\tSpeech\n"
GOOD = {"audio_row": [0], "audio_class": [3], "visual_row": [0, 1], "visual_class": [0, 0]}


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "AVVP_train.csv"
    file.write_text(TABLE)
    return file


def written(folder, **arrays):
    np.savez(folder / "refined.npz", **{name: np.asarray(x) for name, x in arrays.items()})
    return folder / "refined.npz"


def test_what_is_named_is_dropped(tmp_path, table):
    ids, kept = read_published(written(tmp_path, **GOOD), table)
    assert ids == [b"BjCEufrlXm4", b"7nSYwyaP4QE"]
    assert np.argwhere(kept).tolist() == [[0, 0, 0], [0, 1, 3], [1, 0, 0]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"audio_row": [5]}, "audio label 3 of row 5 is none of .* which has 2 videos"),
        ({"audio_row": [-1]}, "row -1 is none of"),
        ({"audio_class": [25]}, "audio label 25 of row 0"),
        ({"visual_class": [0, 3]}, "visual label 3 of row 1"),
        ({"visual_class": [0]}, "2 visual rows and 1 classes"),
        ({"visual_row": [0.0, 1.0]}, "'visual_row' is float64"),
    ],
)
def test_what_is_no_label_of_the_table(tmp_path, table, change, said):
    with pytest.raises(DataError, match=said):
        read_published(written(tmp_path, **GOOD | change), table)
    with pytest.raises(DataError, match="holds no 'audio_class'"):
        read_published(written(tmp_path, audio_row=[0]), table)


def test_the_real_ones(shared):
    """Wu and Yang's on LLP: 3,509 labels of pictures and 1,583 of sounds go."""
    file = shared / "data" / "labels" / "llp_ma_label_refinement.npz"
    ids, kept = read_published(file, shared / "data" / "llp" / "AVVP_train.csv")
    labels = kept.any(axis=1)
    whole = kept.sum(axis=(0, 2))
    assert len(ids) == 10_000
    assert (16_057 - whole).tolist() == [1_583, 3_509]
    assert labels.sum() <= 16_057
