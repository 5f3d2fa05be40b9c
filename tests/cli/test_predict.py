"""`kavc predict`."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from kavc.cli.answers import SHOWN
from kavc.serving.server.local import LocalServer

VIDEOS = 3


@pytest.fixture(scope="session")
def server(tiny_run, tmp_path_factory):
    from kavc.export.run import export_run

    folder = tmp_path_factory.mktemp("served") / "models"
    export_run(tiny_run, folder)
    with LocalServer(folder, port=0) as running:
        yield running.address


def request(**changes):
    """Inputs of three videos, the last without audio."""
    rng = np.random.default_rng(0)
    return {
        "audio": rng.normal(size=(VIDEOS, 5, 128)).astype(np.float32),
        "audio_length": np.array([5, 2, 0], np.int32),
        "visual": rng.normal(size=(VIDEOS, 8, 32)).astype(np.float32),
        "visual_length": np.array([8, 8, 3], np.int32),
        "theme": np.array([0, 11, 3], np.int32),
    } | changes


@pytest.fixture
def predict(server, tmp_path):
    """The words of `kavc predict` for some inputs."""

    def words(inputs, *more):
        file = tmp_path / "inputs.npz"
        np.savez(file, **{name: value for name, value in inputs.items() if value is not None})
        return ["predict", "--server", server, "--model", "ti-avc", "--input", file, *more]

    return words


@pytest.fixture
def answered(monkeypatch):
    """Lets the server answer something else."""
    from kavc.serving.client.blocking import Client

    def answer(**outputs):
        monkeypatch.setattr(Client, "predict", lambda *_, **__: outputs)
        monkeypatch.setattr("kavc.serving.classes.names_at", lambda *_: [])

    return answer


def test_json_is_strict(cli, predict):
    result = cli(*predict(request(), "--json"))
    assert result.exit_code == 0, result.stderr
    answers = json.loads(result.stdout, parse_constant=pytest.fail)
    assert np.shape(answers["match_score"]) == (VIDEOS,)
    assert np.shape(answers["theme_probabilities"]) == (VIDEOS, 12)
    assert all(0 < score < 1 for score in answers["match_score"])


def test_a_server_is_asked_without_tensorflow(alone, cli, predict, server):
    words = predict(request(), "--json")
    assert json.loads(alone(*words)) == json.loads(cli(*words).stdout)
    words = "predict", "--server", server, "--model", "ti-avc", "--list"
    assert alone(*words) == cli(*words).stdout


def table(result):
    """The cells of a printed table, without what draws it."""
    return re.sub(r"[\s\u2500-\u257f]+", " ", result.stdout)


def test_lengths_of_whole_sequences_may_be_left_out(cli, predict, tiny_run):
    whole = {"audio_length": np.full(VIDEOS, 5), "visual_length": np.full(VIDEOS, 8)}
    expected = json.loads(cli(*predict(request(**whole), "--json")).stdout)
    left_out = predict(request(audio_length=None, visual_length=None), "--json")
    assert json.loads(cli(*left_out).stdout) == expected
    own = json.loads(cli("predict", tiny_run, *left_out[5:]).stdout)
    np.testing.assert_allclose(own["match_score"], expected["match_score"], atol=2e-5)


def test_classes_by_their_names(cli, predict, tiny_run):
    from kavc.training.run import Run

    names = list(Run(tiny_run).classes)
    words = predict(request(), "--outputs", "theme_probabilities")
    for asked in (words, ["predict", tiny_run, *words[5:]]):
        told = json.loads(cli(*asked, "--json").stdout)
        assert told["class_names"] == names
        shown = table(cli(*asked))
        for row in told["theme_probabilities"]:
            best = sorted(range(len(row)), key=lambda at: -row[at])[:3]
            assert ", ".join(f"{names[at]} {row[at]:.2f}" for at in best) in shown
    assert "class_names" not in json.loads(
        cli(*predict(request(), "--outputs", "match_score", "--json")).stdout
    )


def test_a_model_that_does_not_name_its_classes(cli, predict, monkeypatch):
    monkeypatch.setattr("kavc.serving.classes.names_at", lambda *_: [])
    words = predict(request(), "--outputs", "theme_probabilities")
    assert re.search(r"\[0\.\d+ 0\.\d+ ", cli(*words).stdout)
    assert set(json.loads(cli(*words, "--json").stdout)) == {"theme_probabilities"}


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        (["--json"], ["class_names", "serving_default"]),
        ([], ["class_names", "serving_default"]),
        (["--out", "y.npz"], ["serving_default"]),
    ],
    ids=str,
)
def test_classes_are_asked_for_where_they_are_shown_and_before_what_takes_long(
    cli, predict, monkeypatch, tmp_path, more, asked
):
    from kavc.serving.client.blocking import Client

    monkeypatch.chdir(tmp_path)
    calls, ask = [], Client.predict

    def spy(client, model, inputs, *, signature, **options):
        calls.append(signature)
        return ask(client, model, inputs, signature=signature, **options)

    monkeypatch.setattr(Client, "predict", spy)
    assert cli(*predict(request(), *more)).exit_code == 0
    assert calls == asked


def test_json_of_text_and_of_what_json_can_not_hold(cli, refused, predict, answered, tmp_path):
    answered(word=np.array([["ü".encode()]], object), flag=np.array([True]))
    assert json.loads(cli(*predict(request(), "--json")).stdout) == {
        "word": [["ü"]],
        "flag": [True],
    }
    answered(score=np.array([1, np.nan]))
    assert "'score' is not finite" in refused(*predict(request(), "--json"))
    out = tmp_path / "y.json"
    assert "'score' is not finite" in refused(*predict(request(), "--out", out))
    refused(*predict(request(), "--json", "--out", tmp_path / "y.npz"))
    assert [path.name for path in tmp_path.iterdir()] == ["inputs.npz"]


def test_a_table_and_a_file(cli, predict, tmp_path):
    result = cli(*predict(request()))
    assert result.exit_code == 0, result.stderr
    assert "match_score" in result.stdout and "theme_probabilities" in result.stdout
    out = tmp_path / "answers.npz"
    result = cli(*predict(request(), "--out", out))
    assert (result.stdout, result.stderr) == ("", f"answers: {out}\n")
    with np.load(out) as answers:
        assert answers["match_score"].shape == (VIDEOS,)


def test_an_existing_file_is_refused_before_the_server_is_asked(refused, predict, monkeypatch):
    from kavc.serving.client.blocking import Client

    monkeypatch.setattr(Client, "predict", lambda *_, **__: pytest.fail("asked"))
    words = predict(request())
    own = words[words.index("--input") + 1]
    before = own.read_bytes()
    assert refused(*words, "--out", own) == f"{own}: exists; choose another name or remove it"
    assert own.read_bytes() == before
    assert "ends in .npz or .json" in refused(*words, "--out", own.with_suffix(".txt"))


def test_a_table_of_many_rows_is_cut_and_says_so(cli, predict, answered):
    answered(row=np.arange(100, 300), word=np.array(["ü".encode()] * 200, object))
    shown = cli(*predict(request())).stdout
    assert f"{SHOWN} of 200 rows" in shown and "119" in shown and "120" not in shown
    assert "ü" in shown and "b'" not in shown


def test_a_table_of_answers_without_a_batch(cli, predict, answered):
    answered(mean=np.float32(0.125), words=np.array([b"a", b"b"], object))
    shown = cli(*predict(request())).stdout
    assert "0.125" in shown and "['a' 'b']" in shown


def test_only_some_outputs(cli, refused, predict):
    answers = json.loads(cli(*predict(request(), "--outputs", "match_score", "--json")).stdout)
    assert list(answers) == ["match_score"]
    line = refused(*predict(request(), "--outputs", "match_score, themes"))
    assert "unknown output 'themes'" in line and "theme_probabilities" in line


def test_another_signature(cli, predict):
    inputs = request(visual=None, visual_length=None, theme=None)
    answers = json.loads(cli(*predict(inputs, "--signature", "embed_audio", "--json")).stdout)
    embedding = np.array(answers["embedding"])
    assert embedding.shape == (VIDEOS, 8)
    assert not embedding[2].any()  # of no audio


def test_list(cli, server):
    words = ["predict", "--server", server, "--model", "ti-avc", "--list"]
    shown = cli(*words).stdout
    for part in (
        "AVAILABLE",
        "embed_audio",
        "match_score",
        r"float32 \(\?, \?, 128\)",
        "version 1",
    ):
        assert re.search(part, shown), part
    found = json.loads(cli(*words, "--json").stdout)
    assert found["versions"] == {"1": {"state": "AVAILABLE", "code": "OK", "message": ""}}
    audio = found["signatures"]["serving_default"]["inputs"]["audio"]
    assert (found["version"], audio) == (1, {"dtype": "float32", "shape": [None, None, 128]})


@pytest.mark.parametrize(
    ("changes", "code", "parts"),
    [
        ({"theme": np.array([0, 12, 0], np.int32)}, 2, ["INVALID_ARGUMENT", "theme", "0 to", "11"]),
        ({"theme": np.array([-1, 0, 0], np.int32)}, 2, ["INVALID_ARGUMENT", "theme", "0 to", "11"]),
        ({"audio_length": np.array([6, 1, 1], np.int32)}, 2, ["INVALID_ARGUMENT", "audio_length"]),
        ({"visual": np.full((VIDEOS, 8, 32), 3, "uint8")}, 2, ["'visual' is uint8", "dequantise"]),
        ({"theme": None}, 2, ["theme"]),
        ({"themes": np.zeros(VIDEOS, np.int32), "theme": None}, 2, ["themes"]),
        ({"visual": np.zeros((VIDEOS, 8, 31), np.float32)}, 2, ["visual", "31", "32"]),
        ({"visual": np.zeros((VIDEOS, 8), np.float32)}, 2, ["visual"]),
        ({"theme": np.zeros(VIDEOS, np.float32)}, 2, ["theme", "float32", "int32"]),
        (
            {"audio": np.full((VIDEOS, 5, 128), np.nan, np.float32)},
            2,
            ["INVALID_ARGUMENT", "audio"],
        ),
        ({"theme": np.zeros(VIDEOS - 1, np.int32)}, 2, ["batch size", "'theme' has 2", "has 3"]),
    ],
)
def test_wrong_requests(refused, predict, changes, code, parts):
    line = refused(*predict(request(**changes)), code=code)
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--signature", "embed_sound"], 2, "unknown signature 'embed_sound'"),
        (["--model", "tiavc"], 2, "NOT_FOUND"),
        (["--version", "9"], 2, "NOT_FOUND"),
        (["--version", "0"], 2, "NOT_FOUND"),
        (["--version", "-1"], 2, "version is -1; expected 0 to"),
        (["--server", "localhost"], 2, "server 'localhost' is not an address"),
        (["--server", "localhost:1"], 1, "no server answers at localhost:1"),
        (["--input", "nowhere.npz"], 2, "nowhere.npz: no such file"),
        (["--list"], 2, "expected --input, or --list"),
        (["--tls-ca", "nowhere.pem"], 2, "nowhere.pem: no such file"),
        (["--tls-cert", "mine.pem"], 2, "only the client's certificate was given"),
    ],
)
def test_questions_that_nobody_can_answer(refused, predict, more, code, message):
    assert message in refused(*predict(request()), *more, code=code)


def test_without_inputs(refused, server):
    line = refused("predict", "--server", server, "--model", "ti-avc")
    asked = "the inputs of a request, --input FILE, or a clip, --media CLIP"
    assert line == f"expected {asked}; --list says what the model takes"


def test_class_names_that_a_model_gives_itself_stay():
    from kavc.cli.answers import Answers

    outputs = {
        "video_probability": np.array([[0.25, 0.75]], np.float32),
        "class_names": np.array([[b"Speech", b"Dog"]], object),
    }
    told = Answers(outputs, ["a", "b"]).to_json()
    assert told["class_names"] == [["Speech", "Dog"]]
    del outputs["class_names"]
    assert Answers(outputs, ["a", "b"]).to_json()["class_names"] == ["a", "b"]


def test_bytes_that_are_no_text_are_shown_as_escapes():
    from kavc.cli.answers import _plain, _short

    assert _short(b"\xffa") == "\\xffa"
    assert _plain("ids", np.array([b"\xffa", "\u00e9".encode()], object)) == ["\\xffa", "\u00e9"]
