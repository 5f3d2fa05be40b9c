import numpy as np
import pytest
import tensorflow as tf

from kavc.data.roster import Roster
from kavc.data.themes import survey, theme_of, themed, with_themes
from kavc.data.vocabulary import Vocabulary
from kavc.errors import DataError

WORDS = Vocabulary(("car", "bus", "pie", "go", "x"), ("Autos", "Autos", "Food", "Games", "Games"))
#         Autos   Autos   mixed   none Games Games   Food  mixed with the rare one
LABELS = [[0, 1], [1], [0, 2], [], [3], [4, 3, 4], [2], [3, 2]]
QUIET = [0, 1, 0, 0, 1, 0, 0, 0]


@pytest.fixture
def batches():
    def batch(rows):
        return {
            "id": tf.constant([f"v{i}" for i in rows]),
            "labels": tf.ragged.constant([LABELS[i] for i in rows], dtype=tf.int64, ragged_rank=1),
            "audio": tf.constant([[[1.0 - QUIET[i]]] for i in rows]),
        }

    one, two = batch(range(5)), batch(range(5, 8))
    spec = {name: tf.RaggedTensorSpec((None, None), tf.int64) if name == "labels" else
            tf.TensorSpec((None, *v.shape[1:]), v.dtype) for name, v in one.items()}  # fmt: skip
    return tf.data.Dataset.from_generator(lambda: iter([one, two]), output_signature=spec)


@pytest.fixture
def roster():
    ids = np.array([f"v{i}".encode() for i in range(len(LABELS))], object)
    labels = np.array([label for row in LABELS for label in row], np.int64)
    splits = np.cumsum([0, *map(len, LABELS)])
    return Roster(ids, labels, splits, np.array(QUIET) == 0, np.ones(len(ids), bool))


def test_theme_of():
    labels = tf.ragged.constant(LABELS, dtype=tf.int64)
    themes = theme_of(labels, tf.constant([0, 0, 1, 2, 2]))
    assert themes.numpy().tolist() == [0, 0, -1, -1, 2, 2, 1, -1]


def test_survey_and_choice(roster):
    found = survey(roster, WORDS, "train")
    assert found.videos == 8
    assert found.single == {"Autos": 2, "Food": 1, "Games": 2}
    assert found.silent == {"Autos": 1, "Food": 0, "Games": 1}
    assert found.choose(2) == ["Autos", "Games"]
    assert found.note("train", ["Autos", "Games"]) == (
        "train: 4 of 8 videos; left out: 3 without exactly one theme, 1 of themes with too few"
        " training videos; 2 of the 4 are silent"
    )
    with pytest.raises(DataError, match="no theme has 3 training videos; the largest has 2"):
        found.choose(3)


def test_a_used_and_an_unused_vertical_are_two_themes(batches):
    kept = list(with_themes(batches, WORDS, ["Autos", "Games"]).as_numpy_iterator())
    assert np.concatenate([b["id"] for b in kept]).tolist() == [b"v0", b"v1", b"v4", b"v5"]
    assert np.concatenate([b["theme"] for b in kept]).tolist() == [0, 0, 1, 1]
    assert kept[0]["theme"].dtype == np.int32
    assert set(kept[0]) == {"id", "audio", "theme"}


def test_the_roster_of_themes_is_who_is_read(batches, roster):
    for themes in (["Autos", "Games"], ["Food"], ["Games", "Food", "Autos"]):
        kept = list(with_themes(batches, WORDS, themes).as_numpy_iterator())
        found = themed(roster, WORDS, themes)
        assert found.ids.tolist() == np.concatenate([b["id"] for b in kept]).tolist()
        assert found.labels.tolist() == np.concatenate([b["theme"] for b in kept]).tolist()
        assert found.label_splits.tolist() == list(range(len(found) + 1))


def test_labels_outside_the_vocabulary(roster):
    small = Vocabulary(WORDS.names[:3], WORDS.verticals[:3])
    with pytest.raises(
        DataError, match=r"^train: label 3 is outside the vocabulary of 3 classes \(video 'v4'\)"
    ):
        survey(roster, small, "train")
