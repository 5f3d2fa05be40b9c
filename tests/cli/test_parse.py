"""`kavc parse`: a run, and a server with several models."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kavc.serving.client.blocking import Client
from kavc.serving.configs import read_models
from kavc.serving.server.local import LocalServer

FLOAT32 = 2e-5  # of probabilities: other fusions of ops, other order of sums
WIDTHS = {"audio": 12, "visual": 16, "visual_3d": 12}
# Hardly trained, so that some half of all probabilities are above one half.
OPTIONS = {
    "variant": "han", "gate": "none", "dim": 8, "units": 8, "batch_size": 16, "epochs": 1,
    "learning_rate": 1e-6,
}  # fmt: skip


@pytest.fixture(scope="session")
def parser_run(tmp_path_factory):
    """The run folder of a parser trained for one epoch; not to be changed."""
    from kavc.systems.registry import get
    from kavc.training.fit import train

    folder = tmp_path_factory.mktemp("parsing")
    knobs = {"latent_dim": 8} | {f"{name}_dim": width for name, width in WIDTHS.items()}
    get("av-parsing").synthesise(
        folder / "corpus", videos=90, seed=0, world_seed=0, overrides=knobs
    )
    return train("av-parsing", f"synthetic:{folder / 'corpus'}", folder / "run", overrides=OPTIONS)


@pytest.fixture(scope="session")
def models(parser_run, tiny_run, tmp_path_factory):
    """A folder with both systems; the parser in two versions."""
    from kavc.export.run import export_run

    folder = tmp_path_factory.mktemp("served") / "models"
    for run in (parser_run.path, tiny_run, parser_run.path):
        export_run(run, folder)
    return folder


@pytest.fixture(scope="session")
def server(models):
    with LocalServer(models, port=0) as running:
        yield running.address


def video(seconds=10, **changes):
    rng = np.random.default_rng(seconds)
    made = {name: rng.normal(size=(seconds, width)) for name, width in WIDTHS.items()}
    return {name: value.astype("float32") for name, value in made.items()} | changes


@pytest.fixture
def saved(tmp_path):
    """Writes the features of a video; returns the file."""

    def save(**features):
        np.savez(tmp_path / "video.npz", **features)
        return tmp_path / "video.npz"

    return save


def found(result):
    assert result.exit_code == 0, result.stderr or result.exception
    return json.loads(result.stdout, parse_constant=pytest.fail)


def words_of(event):
    return [event[name] for name in ("start", "end", "modality", "label")]


@pytest.mark.parametrize("seconds", [10, 25])
def test_a_server_and_a_run_answer_alike(cli, parser_run, server, saved, seconds):
    file = saved(**video(seconds))
    local = found(cli("parse", parser_run.path, "--input", file, "--json"))
    served = found(cli("parse", "--server", server, "--input", file, "--json"))
    assert local and {event["label"] for event in local} <= set(parser_run.data["classes"])
    assert max(event["end"] for event in local) > seconds - 5
    assert list(map(words_of, served)) == list(map(words_of, local))
    scores = [[event["score"] for event in events] for events in (served, local)]
    np.testing.assert_allclose(*scores, atol=FLOAT32)


def test_a_server_is_asked_without_tensorflow(alone, cli, server, saved):
    words = "parse", "--server", server, "--input", saved(**video()), "--json"
    assert json.loads(alone(*words)) == found(cli(*words))


def test_a_video_and_its_windows_have_the_same_events(cli, parser_run, saved):
    """Of 20 seconds, each half is parsed as if it were alone."""
    whole = video(20)
    halves = [{name: x[first : first + 10] for name, x in whole.items()} for first in (0, 10)]
    parsed = [
        found(cli("parse", parser_run.path, "--input", saved(**features), "--json"))
        for features in (whole, *halves)
    ]
    on, first, second = (np.zeros((20, 3, 25), bool) for _ in parsed)
    classes = parser_run.data["classes"]
    modalities = ["audio", "visual", "audio-visual"]
    for mask, events, begin in zip((on, first, second), parsed, (0, 0, 10), strict=True):
        for event in events:
            start, end = (begin + int(event[name]) for name in ("start", "end"))
            mask[start:end, modalities.index(event["modality"]), classes.index(event["label"])] = 1
    assert on.any()
    np.testing.assert_array_equal(on, first | second)
    assert any(event["start"] < 10 < event["end"] for event in parsed[0])


def test_frames_are_averaged_over_seconds(cli, parser_run, saved):
    words = ["parse", parser_run.path, "--json", "--input"]
    features = video()
    frames = np.repeat(features["visual"], 8, axis=0)
    once = found(cli(*words, saved(**features)))
    assert found(cli(*words, saved(**features | {"visual": frames}))) == once


def test_a_table(cli, parser_run, saved):
    file = saved(**video())
    result = cli("parse", parser_run.path, "--input", file, "--threshold", 0)
    assert result.exit_code == 0, result.stderr
    assert "Events of" in result.stdout and "audio-visual" in result.stdout
    assert result.stdout.count("10.0") == 3 * 25  # each class, in both modalities and in one
    nothing = cli("parse", parser_run.path, "--input", file, "--threshold", 1)
    assert "no event" in nothing.stdout
    result = cli("parse", parser_run.path, "--input", file, "--threshold", 1, "--json")
    assert found(result) == []


def test_gate_and_threshold_are_the_runs_unless_given(cli, parser_run, saved):
    words = ["parse", parser_run.path, "--input", saved(**video()), "--json"]
    own = found(cli(*words))
    assert found(cli(*words, "--gate", "none", "--threshold", 0.5)) == own
    others = [("--gate", "modality"), ("--gate", "video"), ("--threshold", 0.6)]
    answers = [own, *(found(cli(*words, *other)) for other in others)]
    seconds = [sum(event["end"] - event["start"] for event in events) for events in answers]
    assert len(set(seconds)) == len(seconds) and max(seconds) == seconds[0]


def test_json_may_say_1_for_a_float(cli, parser_run, tmp_path):
    file = tmp_path / "video.json"
    ones = {name: np.ones((10, width), int).tolist() for name, width in WIDTHS.items()}
    file.write_text(json.dumps(ones))
    words = ["parse", parser_run.path, "--input", file, "--threshold", 0, "--json"]
    assert len(found(cli(*words))) == 3 * 25


# === Two systems at one server ===


def test_both_systems_are_listed_and_answer(parser_run, tiny_run, models, server):
    listed = read_models(models / "models.config").model_config_list.config
    assert sorted(each.name for each in listed) == ["av-parsing", "ti-avc"]
    inputs = {name: value[None] for name, value in video().items()}
    live = {name: x.numpy() for name, x in parser_run.network(inputs, training=False).items()}
    with Client(server) as client:
        assert list(client.status("av-parsing")) == [2]
        answers = client.predict("av-parsing", inputs)
        parsed = client.predict("av-parsing", inputs, signature="parse")
        assert "match_score" in client.signatures("ti-avc")["serving_default"].outputs
    assert answers.keys() == live.keys()
    for name, value in answers.items():
        np.testing.assert_allclose(value, np.clip(live[name], 0, 1), atol=FLOAT32)
    segment = live["segment_probability"]
    np.testing.assert_allclose(parsed["segment_probability"], segment, atol=FLOAT32)
    threshold, _ = parser_run.network.pooling.thresholds
    assert np.abs(segment - threshold).min() > FLOAT32  # none that either may round
    np.testing.assert_array_equal(parsed["events"], segment >= threshold)
    assert [name.decode() for name in parsed["class_names"][0]] == parser_run.data["classes"]


# === What can't be answered ===


def test_another_system_at_the_server(refused, server, saved):
    words = ["parse", "--server", server, "--input", saved(**video())]
    assert refused(*words, "--model", "ti-avc") == (
        f"ti-avc at {server}: has no signature 'parse' as av-parsing has it; name its model"
    )
    assert "NOT_FOUND" in refused(*words, "--model", "av-parsng")


def test_no_server(refused, saved):
    line = refused("parse", "--server", "localhost:1", "--input", saved(**video()), code=1)
    assert "no server answers at localhost:1" in line


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"audio": np.zeros((10, 13), "float32")}, "expected (seconds, 12), of one video"),
        ({"visual": np.full((10, 16), 3, "uint8")}, "dequantise codes"),
        ({"audio": np.full((10, 12), np.nan)}, "'audio' holds NaN"),
        ({"visual_3d": np.zeros((9, 12))}, "'visual_3d' has 9 rows and 'audio' 10"),
    ],
)
def test_features_that_do_not_fit_are_refused_alike(
    refused, parser_run, server, saved, changes, message
):
    file = saved(**video(**changes))
    line = refused("parse", parser_run.path, "--input", file)
    assert message in line
    assert refused("parse", "--server", server, "--input", file) == line


def test_a_run_of_another_system(refused, tiny_run, saved):
    line = refused("parse", tiny_run, "--input", saved(**video()))
    assert line == f"{tiny_run}: a run of ti-avc; av-parsing is what parses"


def test_a_run_that_has_not_ended(refused, parser_run, saved, tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("config.json", "data.json"):
        (tmp_path / "run" / name).write_bytes((parser_run.path / name).read_bytes())
    line = refused("parse", tmp_path / "run", "--input", saved(**video()))
    assert "training has not ended" in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a run folder, or --server HOST:PORT"),
        (["{run}", "--server", "localhost:1"], "expected a run folder, or --server HOST:PORT"),
        (["{run}"], "expected the features of a video, --input FEATURES.npz"),
        (["{run}", "--input", "nope.npz"], "nope.npz: no such file"),
        (["{run}", "--input", "{video}", "--gate", "vidio"], "must be one of video, modality, non"),
        (
            ["{run}", "--input", "{video}", "--threshold", "1.5"],
            "--threshold is 1.5; expected at most 1.0",
        ),
        (["--server", "localhost", "--input", "{video}"], "'localhost' is not an address"),
        (["--server", "localhost:1", "--input", "{video}", "--gate", "none"], "leave them out"),
        (["--server", "localhost:1", "--input", "{video}", "--threshold", "0"], "leave them out"),
    ],
)
def test_mistyped(refused, parser_run, saved, words, message):
    places = {"run": parser_run.path, "video": saved(**video())}
    assert message in refused("parse", *(word.format(**places) for word in words))
