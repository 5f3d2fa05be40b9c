"""Asking about a clip: what is typed, and what comes of it."""

from __future__ import annotations

import json

import numpy as np
import pytest


@pytest.fixture
def clip(film_road):
    return film_road / "films" / "clips" / "v0000.mp4"


@pytest.fixture
def run(film_road):
    return film_road / "run"


@pytest.mark.parametrize("command", ["predict", "parse", "retrieve"])
def test_what_does_not_go_together(refused, clip, run, command):
    assert refused(command, "--media", clip) == "expected a run folder, or --server HOST:PORT"
    assert "--server HOST:PORT" in refused(command, run, "--server", "a:1", "--media", clip)
    assert "or a clip, --media CLIP" in refused(command, run)
    assert "or a clip, --media CLIP" in refused(command, run, "--media", clip, "--input", "x.npz")
    assert refused(command, run, "--media", "nosuch.mp4") == "nosuch.mp4: no such file"
    weights = "--weights", "w"
    expected = "--weights are for a run that is asked about a clip; leave them out"
    assert refused(command, run, "--input", "x.npz", *weights) == expected
    assert refused(command, "--server", "a:1", "--media", clip, *weights) == expected


def test_words_of_predict_that_do_not_go_together(refused, clip, run):
    assert "leave them out with a run" in refused("predict", run, "--media", clip, "--model", "m")
    assert "leave them out with a run" in refused("predict", run, "--list", "--version", 1)
    line = refused("predict", run, "--input", "x.npz", "--theme", 0)
    assert line.startswith("--theme goes with --media")
    assert "--model NAME" in refused("predict", "--server", "a:1", "--media", clip)
    assert "--input, or --list" in refused("predict", run, "--list", "--media", clip)


def test_an_index_goes_with_a_run(refused, clip, run):
    assert "--index FOLDER with a run" in refused("retrieve", run, "--media", clip)
    words = "--server", "a:1", "--index", "i", "--media", clip
    assert "--index FOLDER with a run" in refused("retrieve", *words)


def test_a_theme_by_its_name_and_by_its_index(cli, refused, run, clip, random_weights):
    about = "predict", run, "--media", clip, "--weights", random_weights
    by_name, by_index = (
        cli(*about, "--theme", theme, "--json").stdout for theme in ("square", "1")
    )
    assert by_name == by_index and 0 <= json.loads(by_index)["match_score"][0] <= 1
    assert refused(*about) == "expected the theme of the video, --theme THEME: circle, square"
    assert refused(*about, "--theme", "sqare").startswith(
        "unknown theme 'sqare'; did you mean 'square'?"
    )
    assert refused(*about, "--theme", "2").startswith("unknown theme '2'")
    assert refused(*about, "--theme", "0", "--signature", "embed_audio") == (
        "--theme: this signature takes none; leave it out"
    )
    assert "unknown output 'nosuch'" in refused(*about, "--theme", "0", "--outputs", "nosuch")
    assert "unknown signature 'nosuch'" in refused(*about, "--signature", "nosuch")


def test_what_a_run_takes_and_gives(cli, run):
    told = json.loads(cli("predict", run, "--list", "--json").stdout)["signatures"]
    assert set(told) == {"serving_default", "embed_audio", "embed_visual"}
    assert told["serving_default"]["inputs"]["theme"] == {"dtype": "int32", "shape": [None]}
    assert "serving_default" in cli("predict", run, "--list").stdout


def test_weights_that_are_missing_or_unknown(
    refused, run, clip, random_weights, monkeypatch, tmp_path
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    about = "predict", run, "--media", clip, "--theme", 0
    assert refused(*about).startswith("yamnet: no weights 'yamnet'; give --weights yamnet=PATH")
    line = refused(*about, "--weights", "yamnett=x", "--weights", random_weights)
    assert "did you mean 'yamnet'?" in line
    assert refused(*about, "--weights", "nowhere").endswith("expected NAME=PATH, or a folder")


def test_other_weights_than_those_of_the_training(refused, run, clip, random_weights, tmp_path):
    import h5py

    from kavc.inputs.opening import sha256

    other = tmp_path / "yamnet.h5"
    other.write_bytes((random_weights / "yamnet.h5").read_bytes())
    with h5py.File(other, "a") as file:
        file["layer1_conv"]["layer1_conv/kernel:0"][...] *= 2
    words = "--weights", f"yamnet={other}", "--weights", random_weights
    for command in (
        ("predict", run, "--media", clip, "--theme", 0),
        ("export", run, "--to", tmp_path / "models", "--front-end"),
    ):
        line = refused(*command, *words)
        assert "which made the array 'audio'; give those: --weights yamnet=PATH" in line
        assert sha256(other) in line and sha256(random_weights / "yamnet.h5") in line
    assert not (tmp_path / "models").exists()


def test_a_corpus_that_does_not_say_who_made_it(refused, tiny_run, clip, tmp_path):
    line = refused("predict", tiny_run, "--media", clip, "--theme", 0)
    assert "what made its features isn't known" in line and "kavc extract" in line
    words = "--to", tmp_path / "models"
    line = refused("export", tiny_run, *words, "--front-end")
    assert "what made its features isn't known" in line
    line = refused("export", tiny_run, *words, "--weights", "w")
    assert line == "--weights are those of a front end; add --front-end"


def test_a_clip_that_is_none(refused, run, random_weights, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no film")
    words = "--theme", 0, "--weights", random_weights
    line = refused("predict", run, "--media", bad, *words)
    assert line.startswith(f"{bad}: no video or sound that can be read")


@pytest.fixture
def asked(embedding_run, random_weights, tmp_path, monkeypatch):
    """Has a clip's features made at once, of the widths that the network takes."""
    from kavc.cli import retrieve
    from kavc.extraction.one_clip import Features
    from kavc.training.run import Run

    widths = Run(embedding_run).data["widths"]
    arrays = {name: np.ones((3, width), "f4") for name, width in widths.items()}

    def features(run, clip, weights, wanted):
        found = {name: arrays[name] for name in wanted}
        return Features(found, {name: np.arange(3, dtype="f4") for name in found})

    monkeypatch.setattr(retrieve, "features_of_run", features)
    return {name: rows.mean(axis=0) for name, rows in arrays.items()}


def test_retrieval_by_a_clip_and_by_features(cli, embedding_run, clip, tmp_path, asked):
    index = tmp_path / "index"
    from kavc.retrieval.index import Index
    from kavc.training.run import Run

    data = Run(embedding_run).data["source"]
    made = cli(
        "index", "build", embedding_run, "--data", data, "--modality", "audio", "--out", index
    )
    assert made.exit_code == 0, made.stderr
    np.savez(tmp_path / "query.npz", visual=asked["visual"][None])
    by_file = "--input", tmp_path / "query.npz", "--top", 3, "--json"
    new = cli("retrieve", embedding_run, "--index", index, *by_file)
    old = cli("retrieve", index, "--run", embedding_run, *by_file)
    by_clip = cli("retrieve", embedding_run, "--index", index, "--media", clip, *by_file[2:])
    found = [json.loads(each.stdout) for each in (new, old, by_clip)]
    assert found[0] == found[1] and found[0]["ids"] == found[2]["ids"]
    assert len(found[0]["ids"][0]) == 3
    kept = Index.load(index)
    own = dict(zip(kept.ids, map(list, kept.labels or ()), strict=True))
    assert found[0]["labels"] == [[own[id_] for id_ in found[0]["ids"][0]]]
    shown = cli("retrieve", embedding_run, "--index", index, *by_file[:-1]).stdout
    assert "labels" in shown and found[0]["labels"][0][0][0] in shown


@pytest.fixture(scope="module")
def parser_run(tmp_path_factory):
    """A run of av-parsing that says that YAMNet and MobileNetV2 made its features, a row a second.

    Its corpus is synthetic: what is extracted of media has no events to evaluate by.
    """
    from kavc.data.synthetic import llp
    from kavc.data.synthetic.llp_knobs import knobs
    from kavc.extraction.asked import recipes
    from kavc.training.fit import train

    folder = tmp_path_factory.mktemp("parser")
    small = knobs("default", latent_dim=4, audio_dim=1024, visual_dim=1280, visual_3d_dim=4)
    llp.write(folder / "corpus", small, videos=30, sample_seed=0, world_seed=0)
    options = {"variant": "han", "visual_3d_array": None, "dim": 8, "units": 8, "heads": 1,
               "batch_size": 16, "epochs": 1}  # fmt: skip
    run = train("av-parsing", f"synthetic:{folder / 'corpus'}", folder / "run", overrides=options)
    wanted = recipes(None, ["audio=yamnet", "visual=mobilenet-v2"], ["visual.frames=rate:1"])
    file = run.path / "data.json"
    data = json.loads(file.read_text())
    data["extractors"] = {name: recipe.described() for name, recipe in wanted.items()}
    file.write_text(json.dumps(data))
    return run.path


@pytest.fixture(scope="module")
def long_film(tmp_path_factory):
    """A film of 25 s."""
    from kavc.data.synthetic.films import FilmSettings, write

    folder = tmp_path_factory.mktemp("long") / "films"
    small = FilmSettings(seconds=25.0, width=64, height=48, rate=10, themes=2, seed=0)
    write(folder, small, videos=1, tracks=0)
    return folder / "clips" / "v0000.mp4"


def test_a_clip_of_25_seconds_is_parsed(cli, refused, parser_run, long_film, random_weights, clip):
    words = "--weights", random_weights, "--threshold", 0, "--gate", "none", "--json"
    found = json.loads(cli("parse", parser_run, "--media", long_film, *words).stdout)
    assert {event["start"] for event in found} == {0.0}
    assert {event["end"] for event in found} == {25.0}  # with this threshold all is there always
    short = refused("parse", parser_run, "--media", clip, *words)
    assert "the network parses videos of 10 to" in short


def test_a_server_parses_windows_of_a_clip(
    cli, refused, parser_run, long_film, random_weights, clip, tmp_path
):
    """As the run does, but for the last rows of windows."""
    from kavc.serving.server.local import LocalServer

    about = "--front-end", "--weights", random_weights
    made = cli("export", parser_run, "--to", tmp_path / "models", *about)
    assert made.exit_code == 0, made.stderr
    with LocalServer(tmp_path / "models", port=0, warmup=False) as server:
        served = "parse", "--server", server.address, "--timeout", 100, "--media"
        found = json.loads(cli(*served, long_film, "--json").stdout)
        assert "parses videos of 10 to" in refused(*served, clip)
    words = "--weights", random_weights, "--json"
    expected = json.loads(cli("parse", parser_run, "--media", long_film, *words).stdout)
    labels = [{event["label"] for event in events} for events in (found, expected)]
    assert labels[0] == labels[1]
    assert all(0 <= event["start"] < event["end"] <= 25 for event in found)


def test_a_silent_film_is_asked_about_its_pictures(
    cli, refused, run, clip, random_weights, tmp_path
):
    from kavc.media.frames import read_frames
    from kavc.media.moments import Uniform
    from kavc.media.sizes import Exactly

    from ..media.conftest import Film

    images = read_frames(clip, Uniform(8), size=Exactly(48, 64)).images
    silent = Film(tmp_path / "silent.mkv").picture(images).write()
    only = f"mobilenet-v2={random_weights / 'mobilenet_v2_1.0_224.h5'}"
    words = "--media", silent, "--weights", only, "--signature", "embed_visual", "--json"
    found = cli("predict", run, *words)
    assert found.exit_code == 0, found.stderr
    assert np.shape(json.loads(found.stdout)["embedding"]) == (1, 2, 8)
    words = "--media", silent, "--weights", random_weights, "--theme", 0
    assert f"{silent}: no audio track" in refused("predict", run, *words)
