"""The search in a graph: like the one in Python, and like itself once it was exported."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.data.schema import Field
from kavc.errors import ConfigError
from kavc.export.savedmodel import export
from kavc.retrieval.exact import exact_search
from kavc.retrieval.index import Index
from kavc.retrieval.served import CHUNK, CatalogueSearch, columns, top_k
from kavc.serving.inspection import inspect
from kavc.serving.inspection.version_files import check_variables
from kavc.serving.server.graph import ServedGraph
from kavc.systems.base import Signature

PEAKS = """
import resource
import numpy as np
import tensorflow as tf
from kavc.retrieval import exact_search, top_k
from kavc.retrieval.served import columns
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
rng = np.random.default_rng(0)
queries, vectors = (rng.normal(size=(n, 16)).astype(np.float32) for n in (128, 480_000))
constants = tf.constant(queries), tf.constant(columns(vectors))
searches = (
    lambda: exact_search(queries, vectors, 10),
    lambda: tf.function(lambda q, v: top_k(q, v, 10), autograph=False)(*constants),
)
for search in searches:
    before = peak()
    search()
    print(peak() - before)
"""
WIDTHS = {"audio": 5, "visual": 9}
DIM = 6


def whole_numbers(seed, *shape):
    """Small whole numbers: in any order of summation the same dot products, many of them equal."""
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32)


@pytest.mark.parametrize("block", [1, 7, 16, 1000])
@pytest.mark.parametrize("k", [1, 5, 37])
def test_like_the_search_in_python_also_among_equals(k, block):
    q, v = whole_numbers(0, 6, 4), whole_numbers(1, 37, 4)
    positions, scores = top_k(tf.constant(q), columns(v, block=block), k)
    expected = exact_search(q, v, k)
    np.testing.assert_array_equal(positions, expected[0])
    np.testing.assert_array_equal(scores, expected[1])


def test_one_trace_serves_catalogues_of_any_size():
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, 4]), tf.TensorSpec([None, 5, None])])
    def search(queries, blocks):
        traces.append(1)
        return top_k(queries, blocks, 3)

    for size in (3, 16, 50):
        q, v = whole_numbers(size, 2, 4), whole_numbers(size + 1, size, 4)
        np.testing.assert_array_equal(search(q, columns(v, block=16))[0], exact_search(q, v, 3)[0])
    assert len(traces) == 1


def test_catalogues_in_any_order():
    """The best first, so that later blocks hold none, and the best last; sizes around chunks."""
    for size in (1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5):
        values = np.arange(size, dtype=np.float32)[:, None]
        for v in (values, values[::-1], np.zeros_like(values)):
            k = min(size, 5)
            for block in (8, CHUNK + 3, 1000):
                found = top_k(tf.ones([2, 1]), columns(v, block=block), k)
                expected = exact_search(np.ones((2, 1), np.float32), v, k)
                np.testing.assert_array_equal(found[0], expected[0])
                np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("k", [1, 40, 150])
def test_equal_scores_over_many_chunks(k):
    q, v = whole_numbers(0, 7, 2), whole_numbers(1, 20 * CHUNK + 3, 2)
    for block in (100, 4 * CHUNK, 10_000):
        positions, _ = top_k(tf.constant(q), columns(v, block=block), k)
        np.testing.assert_array_equal(positions, exact_search(q, v, k)[0])


def test_memory_is_that_of_a_block():
    """All scores at once would take 230 MiB."""
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [float(peak) < 100 for peak in done.stdout.split()] == [True, True], done.stdout


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(3)
    inputs = {name: keras.Input((width,), name=name) for name, width in WIDTHS.items()}
    made = keras.Model(
        inputs,
        {
            name: keras.layers.UnitNormalization(name=f"{name}_branch")(keras.layers.Dense(DIM)(x))
            for name, x in inputs.items()
        },
    )
    made.branches = {name: keras.Model(inputs[name], made.output[name]) for name in WIDTHS}
    return made


def catalogue(network, size):
    """An index of random sounds, with ids of unequal length that are not ASCII."""
    features = np.random.default_rng(size).normal(size=(size, WIDTHS["audio"]))
    index = Index(DIM, modality="audio")
    index.add(
        [f"ä{n}" for n in range(size)], network.branches["audio"].predict(features, verbose=0)
    )
    return index


def signatures(network, search):
    visual = {"visual": Field((WIDTHS["visual"],), "float32", "features")}

    def retrieve_audio(visual):
        return search(network.branches["visual"](visual))

    def embed(visual):
        return {"embedding": network.branches["visual"](visual)}

    return {
        "retrieve_audio": Signature(
            retrieve_audio, visual, search.fields, "Which sound?", resources=[search]
        ),
        "serving_default": Signature(
            embed, visual, {"embedding": Field((DIM,), "float32", "of the frames")}, "Where?"
        ),
    }


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    """A version with 500 sounds, and their index."""
    index = catalogue(network, 500)
    target = tmp_path_factory.mktemp("models")
    search = CatalogueSearch(index, k=20)
    return export(network, signatures(network, search), target, name="m", card=""), index


def test_a_server_gives_the_answers_of_the_index(network, exported):
    folder, index = exported
    visual = np.random.default_rng(5).normal(size=(7, WIDTHS["visual"])).astype(np.float32)
    ids, scores = index.search(network.branches["visual"].predict(visual, verbose=0), 20)
    graph = ServedGraph(folder)
    try:
        info = graph.signatures["retrieve_audio"]
        assert str(info.outputs["ids"]) == "string (?, 20)"
        assert str(info.outputs["scores"]) == "float32 (?, 20)"
        found = graph("retrieve_audio", {"visual": visual})
    finally:
        graph.close()
    assert [[each.decode() for each in row] for row in found["ids"]] == ids.tolist()
    np.testing.assert_allclose(found["scores"], scores, atol=1e-6)


def test_labels_stand_beside_ids(network):
    index = catalogue(network, 3)
    assert "labels" not in CatalogueSearch(index).fields
    vectors, labels = index.vectors, [["dog", "straße"], [], ["cat"]]
    named = Index(DIM, modality="audio")
    named.add(index.ids, vectors, labels)
    search = CatalogueSearch(named)
    assert search.fields["labels"].shape == (3,)
    found = search(tf.constant(vectors[:1]))
    by_id = dict(zip(index.ids, ["dog\tstraße", "", "cat"], strict=True))
    texts = [each.decode() for each in found["labels"][0].numpy()]
    assert texts == [by_id[each.decode()] for each in found["ids"][0].numpy()]


def test_it_passes_the_checks_of_a_version(exported):
    folder, _ = exported
    assert {"TopKV2", "VarHandleOp"} < inspect(folder).ops
    assert check_variables(folder) > 2


def test_the_graph_does_not_grow_with_the_catalogue(network, exported, tmp_path):
    small, _ = exported
    search = CatalogueSearch(catalogue(network, 20_000), k=20)
    large = export(network, signatures(network, search), tmp_path, name="m", card="")
    sizes = [(folder / "saved_model.pb").stat().st_size for folder in (small, large)]
    assert abs(sizes[1] - sizes[0]) < 100
    data = [
        (folder / "variables/variables.data-00000-of-00001").stat().st_size
        for folder in (small, large)
    ]
    assert data[1] - data[0] > 19_500 * 4 * DIM


def test_k_by_default_is_100_or_all(network):
    assert CatalogueSearch(catalogue(network, 30)).k == 30
    assert CatalogueSearch(catalogue(network, 130)).k == 100


@pytest.mark.parametrize("k", [0, 31])
def test_k_is_between_1_and_the_size(network, k):
    with pytest.raises(ConfigError, match=f"k is {k}; expected 1 to 30, the size of the index"):
        CatalogueSearch(catalogue(network, 30), k)


def test_an_empty_index_can_not_be_served():
    with pytest.raises(ConfigError, match="the index is empty"):
        CatalogueSearch(Index(3))


class Corrected(Index):
    """An index whose vectors have any bias."""

    bias = None
    score = "cosine less hub bias"


def corrected(dim, size, bias):
    index = Corrected(dim)
    index.add([str(n) for n in range(size)], np.random.default_rng(dim).normal(size=(size, dim)))
    index.bias = bias
    return index


@pytest.mark.parametrize("dim", [1, 15, 16, 17])
@pytest.mark.parametrize("batch", [0, 1, 2, 64])
def test_the_bias_is_taken_off(dim, batch):
    bias = np.random.default_rng(1).normal(0, 0.3, 500).astype(np.float32)
    index = corrected(dim, 500, bias)
    search = CatalogueSearch(index, k=20)
    assert search.vectors.shape == (1, dim + 1, 512)
    queries = np.random.default_rng(2).normal(size=(batch, dim)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    found = tf.function(search, autograph=False)(tf.constant(queries))
    every = queries.astype(float) @ index.vectors.T.astype(float) - bias
    positions = found["ids"].numpy().astype(int)
    assert positions.shape == found["scores"].shape == (batch, 20)
    np.testing.assert_allclose(found["scores"], -np.sort(-every, axis=1)[:, :20], atol=1e-6)
    np.testing.assert_allclose(found["scores"], np.take_along_axis(every, positions, 1), atol=1e-6)
    if batch:
        assert (positions != np.argsort(-(every + bias), axis=1)[:, :20]).any()


def test_blocks_are_even_and_what_fills_them_up_is_never_found():
    vectors = np.random.default_rng(0).normal(size=(103, 3)).astype(np.float32)
    blocks = columns(vectors, block=50)
    assert blocks.shape == (3, 4, 48)
    _, scores = top_k(-vectors[:5], blocks, 103)  # padding with zeros would come before half
    every = -vectors[:5].astype(float) @ vectors.T.astype(float)
    np.testing.assert_allclose(scores, -np.sort(-every, axis=1), atol=1e-6)


def test_a_catalogue_that_two_threads_are_worth_is_cut_in_two():
    assert columns(np.ones((8191, 1), np.float32)).shape == (1, 2, 8192)
    assert columns(np.ones((8192, 1), np.float32)).shape == (2, 2, 4096)
    assert columns(np.ones((100_000, 1), np.float32)).shape == (4, 2, 25_008)


def test_equal_vectors_of_equal_bias_come_in_their_order():
    index = Corrected(3)
    index.add(list("abcdef"), [[1, 0, 0]] * 6)
    index.bias = np.array([1, 0, 1, 0, 1, 0], np.float32)
    found = CatalogueSearch(index)(tf.constant([[1.0, 0, 0]]))
    assert found["ids"].numpy().tolist() == [[b"b", b"d", b"f", b"a", b"c", b"e"]]
    assert found["scores"].numpy().tolist() == [[1, 1, 1, 0, 0, 0]]


def test_the_outputs_say_what_the_scores_are(network):
    plain = CatalogueSearch(catalogue(network, 5)).fields["scores"]
    less = CatalogueSearch(corrected(3, 5, np.zeros(5, np.float32))).fields["scores"]
    assert "cosines with the query" in str(plain)
    assert "bias" not in str(plain)
    assert "less each item's hub bias" in str(less)
