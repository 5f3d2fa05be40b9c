"""What a run answers in this process: as its export, and refused as a server refuses."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.export.run import export_run
from kavc.serving.classes import CLASS_NAMES
from kavc.serving.server.graph import ServedGraph
from kavc.training.asking import rows_of
from kavc.training.run import load_run

SAME = 1e-6  # between programs: other fusions of ops, other order of sums


@pytest.fixture(scope="module")
def run(tiny_run):
    return load_run(tiny_run)


@pytest.fixture(scope="module")
def answers(run):
    return run.answers


@pytest.fixture
def request_(answers):
    inputs = answers.info("serving_default").inputs
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(2, 4, inputs[name].shape[-1])).astype("f4")
              for name in ("audio", "visual")}  # fmt: skip
    lengths = {f"{name}_length": np.array([4, 2], "i4") for name in arrays}
    return arrays | lengths | {"theme": np.array([0, 1], "i4")}


def test_the_answers_are_those_of_an_export(run, answers, request_, tmp_path):
    graph = ServedGraph(export_run(run, tmp_path / "models"))
    assert graph.signatures.keys() - {CLASS_NAMES} == run.signatures.keys()
    for name, info in graph.signatures.items():
        if name == CLASS_NAMES:  # a run has them as `classes`
            continue
        assert info.inputs == answers.info(name).inputs
        assert info.outputs == answers.info(name).outputs
    expected = graph("serving_default", request_)
    found = run.predict(request_)
    graph.close()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=SAME)


def test_lists_of_numbers_do_as_well(answers, request_):
    lists = {name: value.tolist() for name, value in request_.items()}
    found = answers.predict("serving_default", lists)
    assert found["match_score"].shape == (2,)


def test_what_is_refused(answers, request_):
    with pytest.raises(ConfigError, match="unknown signature 'nosuch'"):
        answers.predict("nosuch", request_)
    with pytest.raises(DataError, match="theme"):
        answers.predict("serving_default", {k: v for k, v in request_.items() if k != "theme"})
    with pytest.raises(DataError, match="'audio'"):
        answers.predict("serving_default", request_ | {"audio": np.zeros((2, 4, 7), "f4")})
    with pytest.raises(DataError) as caught:
        answers.predict("serving_default", request_ | {"theme": np.array([0, 99], "i4")})
    line = str(caught.value)
    assert line.startswith("signature 'serving_default' refuses its inputs: ")
    assert "\n" not in line and "theme" in line and "node" not in line
    with pytest.raises(DataError, match="NaN or infinite"):
        answers.predict("serving_default", request_ | {"audio": request_["audio"] * np.nan})


def test_a_batch_of_different_sizes_is_refused(answers, request_):
    with pytest.raises(DataError, match="refuses its inputs"):
        answers.predict("serving_default", request_ | {"theme": np.array([0], "i4")})


def test_a_run_that_has_not_ended(tiny_run, request_, monkeypatch):
    run = load_run(tiny_run)
    monkeypatch.setattr(type(run), "finished", property(lambda self: False))
    for ask in (lambda: run.predict(request_), lambda: run.signatures):
        with pytest.raises(ConfigError, match="training has not ended"):
            ask()


def test_inputs_by_keyword_and_by_name(run, request_):
    expected = run.predict(request_)["match_score"]
    sequences = {name: value for name, value in request_.items() if name != "theme"}
    for found in (run.predict(**request_), run.predict(sequences, theme=[0, 1])):
        np.testing.assert_array_equal(found["match_score"], expected)
    only = run.predict(signature="embed_audio", audio=request_["audio"])
    assert only["embedding"].shape == (2, run.config.embedding_dim)


def test_an_input_that_is_given_twice(run, request_):
    with pytest.raises(DataError, match="'theme' is given twice, in the mapping and as a keyword"):
        run.predict(request_, theme=[0, 1])


def test_an_array_without_a_name_is_refused(run):
    with pytest.raises(DataError, match="got ndarray; expected arrays by the names of inputs"):
        run.predict(np.zeros((2, 4, 128), "f4"))


def test_lengths_that_are_left_out_are_those_of_the_whole_sequences(run, request_):
    whole = {"audio_length": np.array([4, 4], "i4"), "visual_length": np.array([4, 4], "i4")}
    expected = run.predict(request_ | whole)["match_score"]
    without = {name: value for name, value in request_.items() if name not in whole}
    np.testing.assert_array_equal(run.predict(without)["match_score"], expected)
    some = run.predict(without, audio_length=[4, 2])["match_score"]
    assert some[0] == expected[0] and some[1] != expected[1]


def test_a_single_example_is_told_of_its_batch(run, request_):
    one = {name: value[0] for name, value in request_.items()}
    with pytest.raises(DataError, match=r"'audio' is float32 \(4, 128\); .* \(1, 4, 128\)"):
        run.predict(one)


def test_the_names_of_the_classes(run, tiny_corpus):
    assert len(run.classes) == run.config.themes
    assert run.classes == tuple(run.data["classes"])


@pytest.fixture(scope="module")
def embedding(embedding_run):
    return load_run(embedding_run)


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_embeddings_are_those_of_the_signature(embedding, modality):
    width = embedding.data["widths"][modality]
    features = np.random.default_rng(0).normal(size=(3, width))
    found = embedding.embed(modality, features)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=0, atol=SAME)
    signature = f"embed_{modality}"
    expected = embedding.predict({modality: features}, signature=signature)["embedding"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=SAME)


@pytest.mark.parametrize(
    "given, message",
    [
        (np.zeros((2, 7)), r"audio: expected numbers \(n, 3\), as the network reads them"),
        (np.ones(3), r"got float64 \(3,\); a single item is \(1, 3\)"),
        (np.ones((1, 3), "u1"), "expected floats; dequantise"),
        ([["a", "b", "c"]], "expected numbers"),
        ([[1.0, 2.0, 3.0], [1.0]], "ragged"),
        (np.full((1, 3), np.nan), "not finite"),
        (np.full((1, 3), 1e300), "not finite"),
        (np.empty((0, 3)), "holds no row"),
    ],
)
def test_features_that_can_not_be_embedded(given, message):
    with pytest.raises(DataError, match=message):
        rows_of("audio", given, 3)


def test_what_embeds_nothing_says_how_to_ask(run, embedding):
    with pytest.raises(ConfigError, match=r"unknown modality 'adio'.*audio"):
        embedding.embed("adio", np.zeros((1, 128)))
    with pytest.raises(ConfigError, match=r"ti-avc embeds no modality alone.*signatures"):
        run.embed("audio", np.zeros((1, 128)))
