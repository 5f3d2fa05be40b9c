"""What an index answers, and that what it refuses changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.retrieval.index import Index

from .conftest import corrected, hubs

BACKENDS = ["exact", "flat", "ivf", "hnsw"]


def state(index):
    return index.ids, index.vectors.tolist()


@pytest.fixture(params=BACKENDS)
def any_index(request, index) -> Index:
    """The same vectors behind each backend."""
    if request.param != "exact":
        pytest.importorskip("faiss")
    made = Index(6, modality="audio", model=index.model, backend=request.param)
    made.add(index.ids, index.vectors)
    return made


def test_cosines_of_what_was_added_best_first(index):
    queries = np.random.default_rng(1).normal(size=(3, 6)) * 7
    ids, scores = index.search(queries, 5)
    cosines = queries @ index.vectors.T / np.linalg.norm(queries, axis=1, keepdims=True)
    order = np.argsort(-cosines, axis=1)[:, :5]
    assert ids.tolist() == [[f"video-{n}" for n in row] for row in order]
    assert (ids.dtype.kind, scores.dtype, scores.shape) == ("U", np.float32, (3, 5))
    np.testing.assert_allclose(scores, np.take_along_axis(cosines, order, 1), atol=1e-6)


def test_each_finds_itself_whatever_comes_and_goes(any_index):
    def finds_itself():
        ids, scores = any_index.search(any_index.vectors, 1)
        assert ids[:, 0].tolist() == any_index.ids
        np.testing.assert_allclose(scores, 1, atol=1e-6)

    finds_itself()
    any_index.remove(["video-3", "video-39", "video-0"])
    assert len(any_index) == 37
    finds_itself()
    any_index.add(["new", "video-3"], [[9, 0, 0, 0, 0, 0], [0, 0, -1, 0, 0, 0]])
    assert any_index.ids[-3:] == ["video-38", "new", "video-3"]
    finds_itself()


def test_of_equal_vectors_the_first_one_first():
    index = Index(2)
    index.add(list("edcba"), [[1, 0], [2, 0], [0, 1], [3, 0], [1, 0]])
    assert index.search([[1, 0]], 5)[0].tolist() == [list("edbac")]


def test_vectors_can_not_be_written_to(index):
    with pytest.raises(ValueError, match="read-only"):
        index.vectors[0] = 0


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        (["a", "a"], np.ones((2, 6)), "id 'a' .* is given twice"),
        (["a", "video-7"], np.ones((2, 6)), "id 'video-7' is in the index already"),
        (["a"], np.ones((2, 6)), "1 ids for 2 vectors"),
        (["a"], np.ones((1, 5)), r"expected numbers \(n, 6\).*got float64 \(1, 5\)"),
        (["a", "b"], [[1] * 6, [0] * 6], "row 1 is all zero"),
        (["a"], [[1, 2, 3, 4, 5, np.nan]], "row 0 is not finite"),
        (["a"], [[1, 2, 3, 4, 5, np.inf]], "row 0 is not finite"),
        (["a\nb"], np.ones((1, 6)), "control characters"),
        ([], np.ones((0, 6)), "there is none"),
    ],
)
def test_what_can_not_be_added_changes_nothing(any_index, ids, vectors, message):
    before = state(any_index)
    with pytest.raises(DataError, match=message):
        any_index.add(ids, vectors)
    assert state(any_index) == before


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["video-1", "video-41"], "id 'video-41' is not in the index; nothing was removed"),
        (["video-1", "video-1"], "is given twice"),
        ("video-1", "expected several texts"),
    ],
)
def test_what_can_not_be_removed_changes_nothing(any_index, ids, message):
    before = state(any_index)
    with pytest.raises(DataError, match=message):
        any_index.remove(ids)
    assert state(any_index) == before


@pytest.mark.parametrize("k", [0, -1, 41, 2.5])
def test_k_is_between_1_and_the_size(any_index, k):
    with pytest.raises(ConfigError, match=f"^k is {k}; expected 1 to 40, the size of the index$"):
        any_index.search(np.ones((1, 6)), k)


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        (np.ones((1, 7)), "queries: expected numbers"),
        (np.zeros((1, 6)), "queries: row 0 is all zero"),
        (np.full((1, 6), np.nan), "queries: row 0 is not finite"),
        (np.ones((0, 6)), "queries: there is none"),
    ],
)
def test_unfit_queries(any_index, queries, message):
    with pytest.raises(DataError, match=message):
        any_index.search(queries, 1)


@pytest.mark.parametrize("emptied", [False, True])
def test_an_empty_index_finds_nothing(index, emptied):
    if emptied:
        index.remove(index.ids)
    else:
        index = Index(6)
    assert len(index) == 0
    with pytest.raises(ConfigError, match=r"^the index is empty; add vectors first$"):
        index.search(np.ones((1, 6)), 1)


def test_check(index):
    index.check()
    index.check(model="ab" * 32, modality="audio", dim=6)
    with pytest.raises(ConfigError, match=r"by the model abababababab…, this is cdcdcdcdcdcd…: .*"):
        index.check(model="cd" * 32)
    with pytest.raises(ConfigError, match="has the modality 'audio'; expected 'visual'"):
        index.check(modality="visual")
    with pytest.raises(ConfigError, match="has the dim 6; expected 250"):
        index.check(dim=250)
    with pytest.raises(ConfigError, match="by the model '', this is abab"):
        Index(6).check(model="ab" * 32)


@pytest.mark.parametrize(
    ("dim", "backend", "message"),
    [
        (0, "exact", "dim is 0; expected 1 to 65536"),
        (70_000, "exact", "dim is 70000"),
        (3, "flatt", "unknown backend 'flatt'; did you mean 'flat'?"),
    ],
)
def test_what_can_not_be_made(dim, backend, message):
    with pytest.raises(ConfigError) as error:
        Index(dim, backend=backend)
    assert message in str(error.value)


def test_saved_and_loaded_it_is_the_same(any_index, tmp_path):
    any_index.save(tmp_path / "saved")
    loaded = Index.load(tmp_path / "saved")
    assert state(loaded) == state(any_index)
    for name in ("dim", "modality", "model", "backend"):
        assert getattr(loaded, name) == getattr(any_index, name)
    assert loaded.search(any_index.vectors, 1)[0][:, 0].tolist() == any_index.ids
    loaded.add(["more"], np.ones((1, 6)))  # mapped vectors are added to as well
    loaded.remove(["video-0"])
    loaded.save(tmp_path / "saved")
    assert state(Index.load(tmp_path / "saved")) == state(loaded)


@pytest.mark.parametrize("backend", BACKENDS)
def test_with_a_correction_scores_are_cosines_less_the_bias(backend):
    if backend != "exact":
        pytest.importorskip("faiss")
    found = corrected(backend)
    queries = np.random.default_rng(2).normal(size=(7, 6))
    units = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    cosines = units @ found.vectors.T.astype("f8")
    bias = hubs().bias(found.vectors, found.ids)
    np.testing.assert_allclose(found.bias, bias, atol=1e-6)
    for wanted, option in ((cosines - found.bias, True), (cosines, False)):
        ids, scores = found.search(queries, 40, corrected=option)
        np.testing.assert_allclose(scores, -np.sort(-wanted, axis=1), atol=1e-6)
        order = np.argsort(-wanted, axis=1)
        np.testing.assert_array_equal(ids[:, 0], np.array(found.ids)[order[:, 0]])
    assert found.score == "cosine less hub bias"


@pytest.mark.parametrize("backend", ["exact", "flat", "hnsw"])
def test_what_is_added_and_removed_has_its_own_bias(backend):
    if backend != "exact":
        pytest.importorskip("faiss")
    grown, whole = Index(6, model="ab" * 32, backend=backend, hubs=hubs()), corrected(backend)
    rows = np.random.default_rng(0).normal(size=(40, 6))
    ids = [f"video-{n}" for n in range(40)]
    grown.add(ids[:25], rows[:25])
    grown.search(rows[:1], 1), grown.search(rows[:1], 1, corrected=False)
    grown.add([*ids[25:], "gone"], [*rows[25:], rows[3]])
    grown.remove(["gone"])
    np.testing.assert_allclose(grown.bias, whole.bias, atol=1e-6)
    for option in (True, False):
        found, scores = grown.search(rows, 3, corrected=option)
        wanted, expected = whole.search(rows, 3, corrected=option)
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_an_item_that_is_in_the_bank_does_not_count_its_own_query():
    bank = hubs()
    index = Index(6, model="ab" * 32, hubs=bank)
    index.add(["video-3", "other"], [bank.units[3], bank.units[3]])
    assert index.bias[0] < index.bias[1] - 0.01


def test_a_correction_of_another_model_is_refused():
    with pytest.raises(ConfigError, match="bank of queries was made by the model abab"):
        Index(6, model="cd" * 32, hubs=hubs())
    with pytest.raises(ConfigError, match="6 wide; expected 7"):
        Index(7, model="ab" * 32, hubs=hubs())
    with pytest.raises(ConfigError, match="the bank of queries is of 'visual', as the items are"):
        Index(6, modality="visual", model="ab" * 32, hubs=hubs())


def test_emptied_it_takes_more(tmp_path):
    found = corrected()
    bias = found.bias
    found.remove(found.ids)
    found.save(tmp_path / "sounds")
    again = Index.load(tmp_path / "sounds")
    rows = np.random.default_rng(0).normal(size=(40, 6))
    again.add([f"video-{n}" for n in range(40)], rows)
    np.testing.assert_allclose(again.bias, bias, atol=1e-6)


def test_an_index_without_a_correction_stays_without(index, tmp_path):
    index.add(["more"], np.ones((1, 6)))
    assert index.bias is None and index.hubs is None and index.score == "cosine"
    index.save(tmp_path / "sounds")
    assert Index.load(tmp_path / "sounds").bias is None
    plain, told = index.search(np.ones((1, 6)), 5), index.search(np.ones((1, 6)), 5, corrected=True)
    np.testing.assert_array_equal(plain[1], told[1])


def labelled(backend="exact"):
    made = Index(2, modality="audio", backend=backend)
    made.add(["bark", "street"], [[1, 0], [1, 1]], [["dog"], ["dog", "car"]])
    return made


def test_what_is_found_has_its_labels():
    hits = labelled().search([[1, 0], [0, 1]], 2)
    ids, scores = hits
    assert ids.tolist() == [["bark", "street"], ["street", "bark"]]
    assert hits.labels.tolist() == [[("dog",), ("dog", "car")], [("dog", "car"), ("dog",)]]
    assert hits.ids is ids and hits.scores is scores
    assert repr(hits) == "Hits(2 queries, 2 found for each, best first)"


def test_what_has_no_labels_says_so(index):
    assert index.labels is None
    assert index.search(np.ones((1, 6)), 5).labels is None


def test_labels_follow_their_vectors(tmp_path):
    made = labelled()
    made.add(["meow"], [[0, 1]])
    assert made.labels == [("dog",), ("dog", "car"), ()]
    made.remove(["bark"])
    assert made.labels == [("dog", "car"), ()]
    assert made.search([[0, 1]], 1).labels.tolist() == [[()]]
    made.remove(["street"])
    assert made.labels is None


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([["dog"], ["cat"]], "2 items with labels for 1 vectors"),
        (["dog"], "labels of item 0: expected up to 256 texts, got one: 'dog'"),
        ([["a\tb"]], r"label 'a\\tb' of item 0 is empty or holds control characters"),
        ([[7]], "label '7' of item 0 is int; expected text"),
    ],
)
def test_labels_that_are_unfit_change_nothing(labels, message):
    made = labelled()
    with pytest.raises(DataError, match=message):
        made.add(["meow"], [[0, 1]], labels)
    assert made.ids == ["bark", "street"] and len(made.labels) == 2


def test_it_says_what_it_is():
    assert repr(labelled()) == "Index(2 audio vectors, dim 2, exact, cosine, labelled)"
    assert repr(Index(3)) == "Index(0 vectors, dim 3, exact, cosine)"
