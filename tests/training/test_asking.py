"""What a run answers in this process: as its export, and refused as a server refuses."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.export.run import export_run
from kavc.serving.server.graph import ServedGraph
from kavc.training.asking import RunAnswers
from kavc.training.run import load_run

SAME = 1e-5  # between programs: other fusions of ops, other order of sums


@pytest.fixture(scope="module")
def answers(tiny_run):
    return RunAnswers(load_run(tiny_run))


@pytest.fixture
def request_(answers):
    inputs = answers.info("serving_default").inputs
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(2, 4, inputs[name].shape[-1])).astype("f4")
              for name in ("audio", "visual")}  # fmt: skip
    lengths = {f"{name}_length": np.array([4, 2], "i4") for name in arrays}
    return arrays | lengths | {"theme": np.array([0, 1], "i4")}


def test_the_answers_are_those_of_an_export(answers, request_, tiny_run, tmp_path):
    graph = ServedGraph(export_run(tiny_run, tmp_path / "models"))
    assert graph.signatures.keys() == answers.signatures.keys()
    for name, info in graph.signatures.items():
        assert info.inputs == answers.info(name).inputs
        assert info.outputs == answers.info(name).outputs
    expected = graph("serving_default", request_)
    found = answers.predict("serving_default", request_)
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


def test_a_run_that_has_not_ended(tiny_run, tmp_path, monkeypatch):
    run = load_run(tiny_run)
    monkeypatch.setattr(type(run), "finished", property(lambda self: False))
    with pytest.raises(ConfigError, match="training has not ended"):
        RunAnswers(run)
