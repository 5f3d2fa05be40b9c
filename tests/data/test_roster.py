import numpy as np
import pytest
import tensorflow as tf

from kavc.data.roster import Roster, check_apart, check_listed, collect, repeated
from kavc.data.splits import Part
from kavc.errors import ConfigError, DataError

NAMES = ("car", "pie", "go")


def roster(videos, unheard=(), unseen=()):
    """Of pairs of id and labels, in their order."""
    ids = np.array([id_ for id_, _ in videos], object)
    rows = [labels for _, labels in videos]
    splits = np.cumsum([0, *map(len, rows)])
    labels = np.array([label for row in rows for label in row], np.int64)
    heard = np.array([id_ not in unheard for id_ in ids], bool)
    seen = np.array([id_ not in unseen for id_ in ids], bool)
    return Roster(ids, labels, splits, heard, seen)


VIDEOS = [(b"b", [0]), (b"a", [2, 1]), (b"b", [1]), (b"c", []), (b"d", [0])]


def test_the_digest_does_not_depend_on_the_order():
    digest = roster(VIDEOS).digest(NAMES)
    assert digest == roster(VIDEOS[::-1]).digest(NAMES)
    assert digest == roster([(b"a", [1, 2, 2]), *VIDEOS[:1], *VIDEOS[2:]]).digest(NAMES)
    assert len(digest) == 64


@pytest.mark.parametrize(
    "videos",
    [VIDEOS[1:], VIDEOS[:2] + VIDEOS[3:], [*VIDEOS, VIDEOS[0]], [*VIDEOS[:4], (b"d", [1])],
     [(b"ba", [0]), (b"", [2, 1]), *VIDEOS[2:]], []],
)  # fmt: skip
def test_the_digest_depends_on_who_is_there_and_on_labels(videos):
    assert roster(videos).digest(NAMES) != roster(VIDEOS).digest(NAMES)


def test_the_digest_follows_the_names_of_labels():
    digest = roster(VIDEOS).digest(NAMES)
    assert digest != roster(VIDEOS).digest(("car", "pie", "tv"))
    order = [2, 0, 1]  # the same labels by another numbering
    renumbered = [(id_, [order.index(label) for label in labels]) for id_, labels in VIDEOS]
    assert digest == roster(renumbered).digest([NAMES[i] for i in order])


def test_classes_without_a_name_are_told_apart():
    nameless = ("", "", "go")
    one, other = (roster([(b"a", [label])]).digest(nameless) for label in (0, 1))
    assert one != other


def test_a_label_without_a_name_is_refused():
    with pytest.raises(DataError, match=r"label 2 is outside .* 2 classes \(video 'a'\)"):
        roster(VIDEOS).digest(NAMES[:2])


def test_rows_that_a_store_keeps():
    found = roster([*VIDEOS, (b"e", [1])], unheard=(b"a",), unseen=(b"c",))
    assert found.first().tolist() == [True, True, False, True, True, True]
    assert found.usable("drop").tolist() == [0, 4, 5]
    assert found.usable("keep").tolist() == [0, 1, 4, 5]
    with pytest.raises(ConfigError, match="silent must be one of"):
        found.usable("mute")


def test_counts_of_labels_and_themes():
    found = roster([*VIDEOS, (b"e", [1])])
    assert found.label_counts(4).tolist() == [2, 3, 1, 0]
    assert found.label_counts(4, np.array([0, 4])).tolist() == [2, 0, 0, 0]
    assert found.theme(np.array([5, 0])).tolist() == [1, 0]
    assert found.select(np.array([1, 0])).labels.tolist() == [2, 1, 0]


def test_collected_from_batches():
    batches = tf.data.Dataset.from_tensors(
        {
            "id": tf.constant([b"x", b"y"]),
            "labels": tf.RaggedTensor.from_row_lengths(tf.constant([4, 5], tf.int64), [0, 2]),
            "heard": tf.constant([True, False]),
            "seen": tf.constant([False, True]),
        }
    ).repeat(2)
    found = collect(batches)
    assert found.ids.tolist() == [b"x", b"y", b"x", b"y"]
    assert found.labels.tolist() == [4, 5, 4, 5]
    assert found.label_splits.tolist() == [0, 0, 2, 2, 4]
    assert (found.heard.tolist()[:2], found.seen.tolist()[:2]) == ([True, False], [False, True])
    assert found.digest([str(i) for i in range(6)]) == found.select(np.array([3, 2, 1, 0])).digest(
        [str(i) for i in range(6)]
    )
    assert len(collect(batches.take(0))) == 0


def of(*ids):
    return roster([(id_.encode(), [0]) for id_ in ids])


def test_splits_that_share_videos_are_refused():
    check_apart({"train": of("a", "a"), "test": of("b")}, "here")
    many = [f"v{i}" for i in range(9)]
    with pytest.raises(DataError) as caught:
        check_apart({"train": of("x", *many), "validation": of("y"), "test": of(*many)}, "here")
    assert str(caught.value).startswith(
        "here: 9 ids (such as 'v0', 'v1', 'v2', 'v3', 'v4') are both in train and in test; "
    )
    with pytest.raises(DataError, match=r"1 id \('y'\) is both in validation and in test"):
        check_apart({"validation": of("y"), "test": of("y", "z")}, "here")


def test_ids_that_are_not_in_the_data_are_refused():
    parts = {"train": Part(globs=("*",)), "test": Part(ids=("a", "b", "é"))}
    check_listed(None, {"train": of("a")}, "file")
    check_listed(parts, {"train": of("x"), "test": of("é", "b", "a")}, "file")
    with pytest.raises(DataError, match=r"^file: test lists 3 ids, of which 2 ids \('b', 'é'\)"):
        check_listed(parts, {"train": of("x"), "test": of("a")}, "file")


@pytest.mark.parametrize(
    ("listed", "there"), [("caf\u00e9", "cafe\u0301"), ("cafe\u0301", "caf\u00e9")]
)
def test_an_id_that_is_there_in_another_unicode_form(listed, there):
    parts = {"test": Part(ids=("a", listed))}
    hint = f"; {listed!a} is there as {there!a}, in another Unicode form: spell both alike"
    with pytest.raises(DataError) as caught:
        check_listed(parts, {"test": of("a", there)}, "file")
    assert str(caught.value).endswith(hint)
    check_listed({"test": Part(ids=(there,))}, {"test": of("a", there)}, "file")


def test_bytes_that_are_no_text_are_shown_as_escapes():
    both = roster([(b"\xff", [0])])
    with pytest.raises(DataError, match=r"1 id \('\\\\xff'\) is both in train and in test"):
        check_apart({"train": both, "test": both}, "file")


def test_repeated_ids_are_counted():
    found = repeated({"train": of("a", "b", "a", "a"), "test": of("c")})
    assert found == ["train: left out for an id that came before: 2"]


def test_labels_of_some_rows_as_a_matrix():
    found = roster(VIDEOS).multi_hot(3, np.array([1, 3, 0]))
    assert found.tolist() == [[False, True, True], [False] * 3, [True, False, False]]
