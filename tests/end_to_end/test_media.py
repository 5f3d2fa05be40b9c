"""From films to an answer about a clip: features, training, export with a front end, a server."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from kavc.cli.main import app
from kavc.data.layouts import View
from kavc.data.source import Source
from kavc.serving.client.blocking import Client
from kavc.serving.server.local import LocalServer

SAME = 1e-5  # between programs: other fusions of ops, other order of sums


def cli(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.stderr or result.exception
    return result.stdout


@pytest.fixture(scope="module")
def exported(film_road, random_weights):
    models = film_road / "models"
    words = ["--to", models, "--front-end", "--weights", random_weights]
    assert cli("export", film_road / "run", *words).strip() == str(models / "ti-avc" / "1")
    return models


@pytest.fixture(scope="module")
def server(exported):
    # The export ran its own warm-up requests; here they would take longer than what is asked.
    with LocalServer(exported, port=0, warmup=False) as running:
        yield running


@pytest.fixture(scope="module")
def of_corpus(film_road):
    """What a corpus has of a film of its test split: id, and a request for its features."""
    view = View({"audio": "audio", "visual": "visual"})
    source = Source.parse(f"features:{film_road / 'features'}")
    example = next(iter(source.read("test", view).as_numpy_iterator()))
    path = film_road / "request.npz"
    arrays = {name: example[name][None] for name in ("audio", "visual")}
    lengths = {f"{n}_length": np.array([x.shape[1]], np.int32) for n, x in arrays.items()}
    np.savez(path, **arrays, **lengths, theme=np.array([1], np.int32))
    return example["id"].decode(), path


def close(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if name == "class_names":
            assert found[name] == value
            continue
        np.testing.assert_allclose(found[name], value, rtol=0, atol=SAME)


def test_a_report_of_what_was_learnt(film_road):
    report = json.loads(cli("evaluate", film_road / "run", "--json"))
    assert 0 <= report["headline"]["value"] <= 100


def test_the_card_says_that_the_films_were_made_up(exported):
    card = (exported / "ti-avc" / "1" / "assets.extra" / "model_card.md").read_text()
    assert "SYNTHETIC" in card.splitlines()[0]
    assert "Weights of the extractor of `audio`, yamnet: Apache-2.0, as published." in card


def test_features_a_clip_and_a_server_give_the_same(film_road, random_weights, server, of_corpus):
    video, request = of_corpus
    clip = film_road / "films" / "clips" / f"{video}.mp4"
    run = film_road / "run"
    expected = json.loads(cli("predict", run, "--input", request, "--json"))
    about = ["--media", clip, "--theme", 1, "--json"]
    close(json.loads(cli("predict", run, "--weights", random_weights, *about)), expected)
    served = ["--server", server.address, "--model", "ti-avc", "--timeout", 60]
    close(json.loads(cli("predict", *served, *about)), expected)
    close(json.loads(cli("predict", *served, "--input", request, "--json")), expected)


def test_other_signatures_of_a_clip(film_road, random_weights, server):
    clip = film_road / "films" / "clips" / "v0001.mp4"
    served = ["--server", server.address, "--model", "ti-avc", "--timeout", 60]
    about = ["--media", clip, "--json", "--signature"]
    for signature in ("embed_audio", "embed_visual"):
        words = ["--weights", random_weights, *about, signature]
        here = json.loads(cli("predict", film_road / "run", *words))
        close(json.loads(cli("predict", *served, *about, signature)), here)


def test_a_film_as_jpegs(film_road, server):
    from kavc.extraction.served import served_request

    clip = film_road / "films" / "clips" / "v0002.mp4"
    with Client(server.address, timeout=60) as client:
        called, given = served_request(client, "ti-avc", "embed_visual", clip)
        expected = client.predict("ti-avc", given, signature=called)
        import tensorflow as tf

        files = [tf.io.encode_jpeg(x, quality=95).numpy() for x in given["frames"][0]]
        jpegs = {"jpeg": np.array([files], object), "jpeg_length": given["frames_length"]}
        found = client.predict("ti-avc", jpegs, signature=f"{called}_jpeg")
    # Of the size that is wanted, but scaled as any other: the shorter side first, then cut.
    assert found["embedding"].shape == expected["embedding"].shape
    assert np.isfinite(found["embedding"]).all()


def test_an_export_holds_each_weight_once(exported, film_road):
    import tensorflow as tf

    from kavc.media.networks.mobilenet_v2 import mobilenet_v2
    from kavc.media.networks.yamnet import YAMNet
    from kavc.training.run import Run

    checkpoint = tf.train.load_checkpoint(exported / "ti-avc" / "1" / "variables" / "variables")
    shapes = checkpoint.get_variable_to_shape_map()
    kept = sum(int(np.prod(s)) for name, s in shapes.items() if name.endswith("VARIABLE_VALUE"))
    networks = YAMNet(), mobilenet_v2(), Run(film_road / "run").network
    there = sum(network.count_params() for network in networks)
    assert 0.99 * there < kept < 1.01 * there


def test_real_weights(film_road, shared):
    weights, coral = shared / "data" / "weights", shared / "data" / "yamnet"
    clip = shared / "data" / "clips" / "dog_02677.mp4"
    if not clip.is_file():
        pytest.skip("no real clips")
    from kavc.extraction.asked import recipes
    from kavc.extraction.one_clip import extractors_as, features_of
    from kavc.extraction.weights import WeightFiles

    wanted = recipes("ti-avc", ["audio=yamnet"], ["visual.frames=uniform:2"])
    made_by = {name: recipe.described() for name, recipe in wanted.items()}
    files = WeightFiles.parse([str(weights), str(coral)])
    found = features_of(clip, extractors_as(made_by, files)).arrays
    assert found["audio"].std() > 0 and found["visual"].shape == (2, 1280)
    # Other weights than those of the training.
    words = ["--media", clip, "--theme", 0, "--weights", weights, "--weights", coral]
    result = CliRunner().invoke(app, [str(w) for w in ("predict", film_road / "run", *words)])
    assert result.exit_code == 2
    assert "that of the weights which made the array" in result.stderr
