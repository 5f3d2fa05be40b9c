"""`kavc export`, `serve` and `predict`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kavc.serving.server import LocalServer

VIDEOS = 3


@pytest.fixture(scope="session")
def models_dir(tiny_run, tmp_path_factory):
    from kavc.export.run import export_run

    folder = tmp_path_factory.mktemp("served") / "models"
    export_run(tiny_run, folder)
    return folder


@pytest.fixture(scope="session")
def server(models_dir):
    with LocalServer(models_dir, port=0) as running:
        yield running.address


def request(**changes):
    """Inputs of three videos, the last without audio."""
    rng = np.random.default_rng(0)
    return {
        "audio": rng.normal(size=(VIDEOS, 5, 128)).astype(np.float32),
        "audio_length": np.array([5, 2, 0], np.int32),
        "visual": rng.normal(size=(VIDEOS, 8, 32)).astype(np.float32),
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


def test_export_prints_the_folder(cli, refused, tiny_run, tmp_path):
    words = ["export", tiny_run, "--to", tmp_path / "models", "--name", "mine", "--version", 1]
    result = cli(*words)
    folder = tmp_path / "models" / "mine" / "1"
    assert (result.exit_code, result.stdout) == (0, f"{folder}\n"), result.stderr
    assert (folder / "saved_model.pb").is_file()
    assert len((folder / "assets" / "themes.txt").read_text().splitlines()) == 12
    assert refused(*words) == f"{folder} exists; a version is never overwritten"


def test_export_refuses_names_that_cannot_be_served(refused, tiny_run, tmp_path):
    line = refused("export", tiny_run, "--to", tmp_path / "models", "--name", "../mine")
    assert line.startswith("'../mine' can't be a model's name")
    assert not (tmp_path / "models").exists()


def test_predict_as_json_is_strict(cli, predict):
    result = cli(*predict(request(), "--json"))
    assert result.exit_code == 0, result.stderr
    answers = json.loads(result.stdout, parse_constant=pytest.fail)
    assert np.shape(answers["match_score"]) == (VIDEOS,)
    assert np.shape(answers["theme_probabilities"]) == (VIDEOS, 12)
    assert all(0 < score < 1 for score in answers["match_score"])


def test_predict_as_a_table_and_into_a_file(cli, predict, tmp_path):
    result = cli(*predict(request()))
    assert result.exit_code == 0, result.stderr
    assert "match_score" in result.stdout
    out = tmp_path / "answers.npz"
    result = cli(*predict(request(), "--out", out))
    assert (result.stdout, result.stderr) == ("", f"answers: {out}\n")
    with np.load(out) as answers:
        assert answers["match_score"].shape == (VIDEOS,)


def test_predict_with_another_signature(cli, predict):
    inputs = request(visual=None, theme=None)
    answers = json.loads(cli(*predict(inputs, "--signature", "embed_audio", "--json")).stdout)
    embedding = np.array(answers["embedding"])
    assert embedding.shape == (VIDEOS, 8)
    assert not embedding[2].any()  # of no audio


@pytest.mark.parametrize(
    ("changes", "code", "parts"),
    [
        ({"theme": np.array([0, 12, 0], np.int32)}, 1, ["INVALID_ARGUMENT", "theme", "0 to", "11"]),
        ({"theme": np.array([-1, 0, 0], np.int32)}, 1, ["INVALID_ARGUMENT", "theme", "0 to", "11"]),
        ({"audio_length": np.array([6, 1, 1], np.int32)}, 1, ["INVALID_ARGUMENT", "audio_length"]),
        ({"theme": None}, 2, ["theme"]),
        ({"themes": np.zeros(VIDEOS, np.int32), "theme": None}, 2, ["themes"]),
        ({"visual": np.zeros((VIDEOS, 8, 31), np.float32)}, 2, ["visual", "31", "32"]),
        ({"visual": np.zeros((VIDEOS, 8), np.float32)}, 2, ["visual"]),
        ({"theme": np.zeros(VIDEOS, np.float32)}, 2, ["theme", "float32", "int32"]),
        (
            {"audio": np.full((VIDEOS, 5, 128), np.nan, np.float32)},
            1,
            ["INVALID_ARGUMENT", "audio"],
        ),
        ({"visual": np.zeros((VIDEOS, 0, 32), np.float32)}, 1, ["INVALID_ARGUMENT", "one frame"]),
        ({"theme": np.zeros(VIDEOS - 1, np.int32)}, 1, ["INVALID_ARGUMENT"]),
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
        (["--model", "tiavc"], 1, "NOT_FOUND"),
        (["--version", "9"], 1, "NOT_FOUND"),
        (["--server", "localhost"], 2, "server 'localhost' is not an address"),
        (["--server", "localhost:1"], 1, "no server answers at localhost:1"),
        (["--input", "nowhere.npz"], 2, "nowhere.npz: no such file"),
    ],
)
def test_questions_that_nobody_can_answer(refused, predict, more, code, message):
    assert message in refused(*predict(request()), *more, code=code)


def test_serve_without_models(cli, tmp_path):
    for folder, message in ((tmp_path, "holds no model"), (tmp_path / "none", "no such folder")):
        result = cli("serve", folder)
        assert result.exit_code == 1
        assert message in result.stderr
        assert result.stdout == ""


def test_serve_on_a_port_in_use(refused, models_dir, server):
    _, _, port = server.rpartition(":")
    line = refused("serve", models_dir, "--port", port, code=1)
    assert "the port is in use" in line
